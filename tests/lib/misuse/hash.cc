#include "singleflight/keyed_groups.h"

struct User {
  bool operator==(const User&) const = default;
};
singleflight::KeyedGroups<User, int> groups;
