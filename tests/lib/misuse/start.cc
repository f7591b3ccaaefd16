#include "singleflight/async_group.h"
#include "singleflight/join_future.h"

void Ask(singleflight::AsyncGroup<int, int>& flights) {
  singleflight::JoinFuture(flights, 1, [] { return 7; });
}
