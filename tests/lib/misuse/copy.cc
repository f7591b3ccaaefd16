#include <memory>

#include "singleflight/group.h"

singleflight::Group<std::unique_ptr<int>> group;
