#include "singleflight/keyed_groups.h"

void Ask(singleflight::KeyedGroups<int, int>& groups) {
  groups.Do(1, [](int key) { return key; });
}
