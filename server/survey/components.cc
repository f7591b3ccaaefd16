#include "server/survey/components.h"

#include "server/model/encoding.h"
#include "server/model/key_parts.h"
#include "server/model/key_rules.h"
#include "server/survey/hashes.h"

namespace singleflight::survey {

SplitKind KindOfMetadata(absl::string_view name) {
  if (model::IsAboutEncoding(name)) return SplitKind::kEncoding;
  return model::IsCredential(name) ? SplitKind::kCredential : SplitKind::kMetadata;
}

SplitKind KindOf(const Component& component) {
  switch (component.of) {
    case Component::Of::kMetadata:
      return KindOfMetadata(component.name);
    case Component::Of::kAuthority:
      return SplitKind::kAuthority;
    case Component::Of::kPolicy:
      return SplitKind::kPolicy;
  }
  return SplitKind::kMetadata;
}

Components::Components(const model::Key& key) {
  const model::KeyParts parts = model::PartsOf(key);
  question_ = SeededHash(parts.message, SeededHash(parts.method, 0));
  rules_ = parts.policy;
  method_ = parts.method;
  Add(Component::Of::kAuthority, kAuthority, ShortHashOf(parts.authority, 0));
  Add(Component::Of::kPolicy, kTrust, parts.trust);
  Add(Component::Of::kPolicy, kContentType, ShortHashOf(parts.suffix, 0));
  AddMetadata(parts.metadata);
}

void Components::Add(Component::Of of, absl::string_view name, uint32_t value) {
  all_[size_++] = {of, name, ShortHashOf(name, static_cast<uint64_t>(of)), value};
}

// The values of one name, which stand behind each other, make one value.
void Components::AddMetadata(absl::string_view packed) {
  model::Field field;
  absl::string_view name;
  uint32_t value = 0;
  while (model::TakeField(packed, field)) {
    if (field.name != name) {
      if (!name.empty()) AddField(name, value);
      name = field.name;
      value = 0;
    }
    value = ShortHashOf(field.value, value + 1);
  }
  if (!name.empty()) AddField(name, value);
}

void Components::AddField(absl::string_view name, uint32_t value) {
  if (size_ < kMost - 1) return Add(Component::Of::kMetadata, name, value);
  if (size_ < kMost) Add(Component::Of::kMetadata, "", 0);
  all_.back().value = ShortHashOf(name, all_.back().value + uint64_t{value});
}

}  // namespace singleflight::survey
