// schema::Schema and model::CanonicalForm: any bytes are a schema, or there is a reason why not;
// and under any schema a form has no other form than itself.

#include "server/schema/schema.h"

#include "server/base/check.h"
#include "tests/fuzz/input.h"

namespace singleflight::schema {
namespace {

// Messages are no longer than inputs, so a schema as long as that is enough.
constexpr size_t kLongestSet = 1u << 16;

void TryForm(const Method& method, absl::string_view message) {
  const auto form = Schema::FormOf(method);
  if (form == nullptr) return;
  std::string once, twice;
  if (!form->Write(message, &once)) return;
  SF_CHECK(form->Write(once, &twice));
  SF_CHECK(once == twice);
}

void TryNames(const Schema& schema, const Method& method) {
  for (uint32_t number = 1; number <= 4; ++number) {
    const absl::optional<Field> field = Schema::Numbered(method, {number});
    if (!field.has_value()) continue;
    const auto named = Schema::Named(method, field->name);
    SF_CHECK(named.ok());
    SF_CHECK(named->path == field->path && named->type == field->type);
    SF_CHECK(schema.NameOf(method.path, field->path) == field->name);
  }
}

}  // namespace
}  // namespace singleflight::schema

// Two bytes say how long the descriptor set is; behind it stands a message.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace singleflight;
  fuzz::Input input(data, size);
  const absl::string_view set = input.Take(input.Below(schema::kLongestSet));
  const auto schema = schema::Schema::Read(set);
  if (!schema.ok()) {
    SF_CHECK(!schema.status().message().empty());
    return 0;
  }
  const absl::string_view message = input.Rest();
  for (const auto& [path, method] : (*schema)->methods()) {
    SF_CHECK((*schema)->Find(path) == &method);
    schema::TryForm(method, message);
    schema::TryNames(**schema, method);
  }
  return 0;
}
