// Uses every header that a user includes, as it comes with a package.

#include "singleflight/async_group.h"
#include "singleflight/async_waiter.h"
#include "singleflight/co_join.h"
#include "singleflight/group.h"
#include "singleflight/join_future.h"
#include "singleflight/join_limits.h"
#include "singleflight/keyed_groups.h"
#include "singleflight/mutex.h"
#include "singleflight/outcome.h"
#include "singleflight/role.h"
#include "singleflight/shared.h"
#include "singleflight/version.h"

static_assert(SINGLEFLIGHT_VERSION >= 100);

int main() {
  singleflight::KeyedGroups<int, int> groups;
  return groups.Do(1, [] { return 0; }).value;
}
