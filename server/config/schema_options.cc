#include "server/config/schema_options.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/config/bounds.h"
#include "server/config/tls.h"
#include "server/schema/schema.h"

namespace singleflight::config {
namespace {

std::string SetPathMistake(absl::string_view path) {
  const bool control = std::any_of(path.begin(), path.end(), absl::ascii_iscntrl);
  return path.empty() || control ? "is no path; write that of a file that protoc has made" : "";
}

// Of the upstream that a route names; null: it has none, or there is no such upstream.
const schema::Options* SchemaFor(const Config& config, const std::string& upstream) {
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    if (config.upstreams[i].name == upstream && config.schemas[i].has_value()) {
      return &*config.schemas[i];
    }
  }
  return nullptr;
}

bool HasUpstream(const Config& config, const std::string& name) {
  return std::any_of(config.upstreams.begin(), config.upstreams.end(),
                     [&](const auto& upstream) { return upstream.name == name; });
}

}  // namespace

void ReadSchema(Mapping& in, Draft& draft) {
  schema::Options out;
  Place file;
  const bool there = in.Section("schema", "schema: {reflection: true}", [&](Mapping& section) {
    const size_t mistakes = section.mistakes();
    const bool set = section.Text("descriptor_set", &out.descriptor_set, SetPathMistake);
    section.Flag("reflection", &out.reflection);
    section.Duration("refresh", &out.refresh, absl::Seconds(1), kLongest);
    file = section.PlaceOf("descriptor_set");
    if (set && out.reflection) {
      section.Refuse(section.PlaceOf("reflection"),
                     "stands beside \"descriptor_set\"; a schema comes from one of the two, remove "
                     "the other");
    } else if (!set && !out.reflection && section.mistakes() == mistakes) {
      section.Refuse(section.place(),
                     "says nowhere to have it from; add \"reflection: true\", or "
                     "\"descriptor_set: FILE\" with what protoc has made");
    } else if (set && section.Has("refresh")) {
      section.Refuse(section.PlaceOf("refresh"),
                     "is for reflection only, since files are watched (reload.check_every); remove "
                     "it");
    }
  });
  draft.config.schemas.push_back(there ? absl::make_optional(out) : absl::nullopt);
  draft.descriptor_sets.push_back(file);
}

void ResolveSchemaPaths(absl::string_view filename, Draft& draft) {
  for (absl::optional<schema::Options>& schema : draft.config.schemas) {
    if (schema.has_value()) ResolvePath(filename, schema->descriptor_set);
  }
}

void CheckSchemas(const Draft& draft, Problems& problems) {
  for (size_t i = 0; i < draft.routes.size(); ++i) {
    const std::string& upstream = draft.config.routes[i].upstream;
    if (SchemaFor(draft.config, upstream) != nullptr) continue;
    if (!HasUpstream(draft.config, upstream)) continue;  // which is told already
    for (const Place& place : draft.routes[i].need_schema) {
      problems.Refuse(place, absl::StrCat("needs a schema, and the upstream ", Quoted(upstream),
                                          " names none; add \"schema: {reflection: true}\" to it, "
                                          "or \"schema: {descriptor_set: FILE}\""));
    }
  }
}

void CheckDescriptorSets(const Draft& draft, Problems& problems) {
  for (size_t i = 0; i < draft.config.schemas.size(); ++i) {
    const absl::optional<schema::Options>& options = draft.config.schemas[i];
    if (!options.has_value() || options->descriptor_set.empty()) continue;
    const auto schema = schema::Schema::ReadFile(options->descriptor_set);
    if (!schema.ok()) problems.Refuse(draft.descriptor_sets[i], schema.status().message());
  }
}

}  // namespace singleflight::config
