// A key as this room remembers it: what is asked, and whatever else tells calls apart, a component
// each. Of values only hashes of 32 bits stay. No secret seeds them: two values that collide cost a
// word in a table, and the one secret there is must seed nothing but keys (model::KeySeed).

#ifndef SINGLEFLIGHT_SERVER_SURVEY_COMPONENTS_H_
#define SINGLEFLIGHT_SERVER_SURVEY_COMPONENTS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/model/key.h"
#include "server/survey/split.h"

namespace singleflight::survey {

// Keys over this are not looked at, so that a lead's cost has a bound.
inline constexpr size_t kLongestKey = 64 << 10;

struct Component {
  enum class Of : uint8_t { kMetadata, kAuthority, kPolicy };
  Of of;
  absl::string_view name;  // empty: of what has no room (Components)
  uint32_t id;             // a hash of the two
  uint32_t value;          // a hash
};

// Of one key, whose names it refers to. A new kind of component is one more of these, and is left
// out of the question. Fields of messages are no components (message_marks.h): most calls that
// differ in these ask different things, so their keys have a sample of their own.
class Components {
 public:
  // Metadata beyond this is one component together.
  static constexpr size_t kMost = 15;

  explicit Components(const model::Key& key);

  uint64_t question() const { return question_; }  // a hash of method and message
  uint32_t rules() const { return rules_; }        // keys of other rules have other components
  absl::string_view method() const { return method_; }
  absl::Span<const Component> all() const { return {all_.data(), size_}; }

 private:
  void Add(Component::Of of, absl::string_view name, uint32_t value);
  void AddMetadata(absl::string_view packed);
  void AddField(absl::string_view name, uint32_t value);

  uint64_t question_;
  uint32_t rules_;
  absl::string_view method_;
  size_t size_ = 0;
  std::array<Component, kMost> all_;
};

// Asked only when a difference is told of: patterns of credentials take time.
SplitKind KindOf(const Component& component);
SplitKind KindOfMetadata(absl::string_view name);

}  // namespace singleflight::survey

#endif  // SINGLEFLIGHT_SERVER_SURVEY_COMPONENTS_H_
