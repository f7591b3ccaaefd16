#include "server/model/fingerprints.h"

namespace singleflight::model {

uint32_t Fingerprints::NumberOf(absl::string_view fingerprint) {
  const auto next = static_cast<uint32_t>(numbers_.size() + 1);
  const auto [known, is_new] = numbers_.try_emplace(std::string(fingerprint), next);
  if (is_new) bytes_ += fingerprint.size();
  return known->second;
}

}  // namespace singleflight::model
