#include <cstddef>

#include "singleflight/keyed_groups.h"

struct User {};
struct HashOfUser {
  size_t operator()(const User&) const { return 0; }
};
singleflight::KeyedGroups<User, int, HashOfUser> groups;
