#include "singleflight/async_group.h"

struct User {
  bool operator==(const User&) const = default;
};
singleflight::AsyncGroup<User, int> groups;
