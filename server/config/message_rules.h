// `key.message` of a route: which fields of messages count, by their names or their numbers.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_MESSAGE_RULES_H_
#define SINGLEFLIGHT_SERVER_CONFIG_MESSAGE_RULES_H_

#include <vector>

#include "server/config/reader.h"
#include "server/model/key_rules.h"

namespace singleflight::config {

// What is of no use without a schema is added to `need_schema`.
void ReadMessageRules(Mapping& in, model::KeyRules& out, std::vector<Place>* need_schema);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_MESSAGE_RULES_H_
