#include "server/model/fingerprints.h"

namespace singleflight::model {

uint32_t Fingerprints::NumberOf(absl::string_view fingerprint) {
  const auto next = static_cast<uint32_t>(numbers_.size() + 1);
  return numbers_.try_emplace(std::string(fingerprint), next).first->second;
}

}  // namespace singleflight::model
