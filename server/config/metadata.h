// Reads `key:` of a route. Named sets are expanded. Names come out sorted, each once. What is of no
// use without a schema is added to `need_schema`.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_METADATA_H_
#define SINGLEFLIGHT_SERVER_CONFIG_METADATA_H_

#include <vector>

#include "server/config/reader.h"
#include "server/model/key_rules.h"

namespace singleflight::config {

void ReadKeyRules(Mapping& in, model::KeyRules& out, std::vector<Place>* need_schema);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_METADATA_H_
