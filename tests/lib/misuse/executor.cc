#include "singleflight/keyed_groups.h"

void Ask(singleflight::KeyedGroups<int, int>& groups) {
  groups.DoOn([] {}, 1, [] { return 7; }, {});
}
