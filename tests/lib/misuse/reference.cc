#include "singleflight/group.h"

singleflight::Group<int&> group;
