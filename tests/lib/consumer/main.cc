#include "singleflight/async_group.h"
#include "singleflight/group.h"

int main() {
  singleflight::Group<int> group;
  return group.Do([] { return 0; }).value;
}
