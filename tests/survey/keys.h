// Keys as calls of one method have them, made by real policies.

#ifndef SINGLEFLIGHT_TESTS_SURVEY_KEYS_H_
#define SINGLEFLIGHT_TESTS_SURVEY_KEYS_H_

#include <string>

#include "server/model/key.h"
#include "tests/model/blocks.h"

namespace singleflight::survey {

// A call as its caller makes it.
struct Caller {
  model::Fields metadata = {};
  std::string message = "id-7";
  std::string authority = "catalog:50051";
  uint32_t trust = 1;
};

// A message as it stands on the wire.
inline std::string Framed(const std::string& message) {
  std::string frame(5, '\0');
  for (size_t i = 0; i < 4; ++i) frame[4 - i] = static_cast<char>(message.size() >> (8 * i));
  return frame + message;
}

class Keys {
 public:
  model::Key Of(const Caller& caller, const model::KeyRules& rules = {}) {
    return model::KeyPolicy(rules, "catalog", 7, fingerprints_)
        .MakeKey(caller.trust, model::RequestOf(caller.metadata), caller.authority, caller.message);
  }

 private:
  model::Fingerprints fingerprints_;
};

}  // namespace singleflight::survey

#endif  // SINGLEFLIGHT_TESTS_SURVEY_KEYS_H_
