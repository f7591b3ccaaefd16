// From a schema to the rules of methods, and what is said of it.

#include "server/app/route_rules.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/core/route.h"

namespace singleflight::app {
namespace {

using schema::FieldRule;
using schema::RuleState;

// Everything in which rules of methods of one route differ.
std::string TextOf(const core::RouteOptions& rules) {
  std::string text = rules.collapse.has_value() || rules.cache.has_value() ? "shared" : "relayed";
  for (const model::FieldPath& path : rules.key.ignored_fields) {
    absl::StrAppend(&text, " ", model::ToText(path));
  }
  if (rules.key.form != nullptr) absl::StrAppend(&text, "\n", rules.key.form->fingerprint());
  return text;
}

}  // namespace

RouteRules::RouteRules(core::RouteOptions options, std::string label)
    : options_(std::move(options)),
      label_(std::move(label)),
      fields_(options_.key.ignored_fields, options_.key.ignored_names) {}

bool RouteRules::IsFor(const core::RouteOptions& options) const {
  return options.match.method == options_.match.method &&
         options.match.authority == options_.match.authority &&
         options.match.fields == options_.match.fields && options.upstream == options_.upstream &&
         options.key.ignored_fields == options_.key.ignored_fields &&
         options.key.ignored_names == options_.key.ignored_names;
}

bool RouteRules::idempotent() const {
  return options_.collapse.has_value() &&
         options_.collapse->methods == core::SharedMethods::kIdempotent;
}

// Patterns may have prefixes, of which schemas know nothing: each that the pattern writes out
// before its first `*` is tried. "/shop.v1.Catalog" before "/*" is a service and no prefix.
bool RouteRules::Takes(const std::string& method) const {
  const std::string& pattern = options_.match.method;
  std::string written = pattern.substr(0, pattern.find('*'));
  const size_t last = written.rfind('/', written.size() - 2);
  if (absl::EndsWith(written, "/") && absl::StrContains(written.substr(last + 1), '.')) {
    written.pop_back();
  }
  for (size_t at = written.find('/'); at != std::string::npos; at = written.find('/', at + 1)) {
    if (core::GlobMatches(pattern, absl::StrCat(written.substr(0, at), method))) return true;
  }
  return core::GlobMatches(pattern, method);
}

// A write's reply is for its caller, and says what it makes invalid.
core::RouteOptions RouteRules::Relayed() const {
  core::RouteOptions relayed = options_;
  relayed.collapse.reset();
  relayed.cache.reset();
  return relayed;
}

core::RouteOptions RouteRules::RulesFor(const schema::Method& method) {
  if (!method.unary || (idempotent() && !method.safe)) return Relayed();
  ++shared_;
  core::RouteOptions rules = options_;
  rules.unary = true;
  rules.key.ignored_fields = Untagged(method, fields_.For(method));
  if (options_.key.canonicalize) rules.key.form = FormFor(method);
  return rules;
}

// Callers that differ in a field that a tag is made of must not share: a reply has the tags of one
// of them. Fields that the file itself gives by number have been refused there.
std::vector<model::FieldPath> RouteRules::Untagged(const schema::Method& method,
                                                   std::vector<model::FieldPath> ignored) {
  std::vector<model::FieldPath> tagged;
  for (const model::FieldTemplate& tag : options_.tags) {
    for (model::FieldPath& field : tag.fields()) tagged.push_back(std::move(field));
  }
  const auto makes_a_tag = [&](const model::FieldPath& path) {
    return std::any_of(tagged.begin(), tagged.end(), [&](const model::FieldPath& field) {
      return model::StandsIn(field, path) || model::StandsIn(path, field);
    });
  };
  const auto kept_back = std::remove_if(ignored.begin(), ignored.end(), makes_a_tag);
  if (kept_back != ignored.end() && !std::exchange(told_of_tags_, true)) {
    spdlog::warn(
        "route '{}': key.message.ignore leaves out a field of {} of which cache.tags makes a tag, "
        "so it counts; remove one of the two",
        label_, method.path);
  }
  ignored.erase(kept_back, ignored.end());
  return ignored;
}

std::shared_ptr<const model::CanonicalForm> RouteRules::FormFor(const schema::Method& method) {
  const auto [at, fresh] = forms_.emplace(method.request, nullptr);
  if (fresh && form_bytes_ < kMostFormBytes) {
    at->second = schema::Schema::FormOf(method);
    if (at->second != nullptr) form_bytes_ += at->second->fingerprint().size();
  }
  if (at->second != nullptr) {
    if (canonical_.state == RuleState::kUnknown) canonical_.state = RuleState::kInForce;
  } else if (canonical_.state == RuleState::kUnknown) {
    canonical_.why = absl::StrCat(method.path, ": its request is made of too many messages");
  }
  return at->second;
}

RouteRules::Applied RouteRules::Under(const schema::Schema* schema) {
  Applied applied{idempotent() ? Relayed() : options_, {}};
  shared_ = taken_ = form_bytes_ = 0;
  forms_.clear();
  const bool shares = options_.collapse.has_value() || options_.cache.has_value();
  if (schema == nullptr || !shares) {
    if (shares) Tell(schema);
    return applied;
  }
  fields_.Begin();
  canonical_ = {canonical_.text, RuleState::kUnknown, ""};
  std::map<std::string, OfMethods> groups;
  for (const auto& [path, method] : schema->methods()) {
    if (!Takes(path)) continue;
    ++taken_;
    core::RouteOptions rules = RulesFor(method);
    OfMethods& group = groups.try_emplace(TextOf(rules), OfMethods{{}, rules}).first->second;
    group.methods.push_back(path);
  }
  for (auto& [text, group] : groups) applied.of_methods.push_back(std::move(group));
  if (!absl::StrContains(options_.match.method, '*') && !applied.of_methods.empty()) {
    applied.options = std::move(applied.of_methods.front().options);
    applied.of_methods.clear();  // so that nothing has to be looked up
  }
  Tell(schema);
  return applied;
}

std::vector<FieldRule> RouteRules::AllRules() const {
  std::vector<FieldRule> rules = fields_.rules();
  if (options_.key.canonicalize) rules.push_back(canonical_);
  return rules;
}

void RouteRules::Tell(const schema::Schema* schema) {
  TellOfRules();
  std::string methods;
  if (schema != nullptr && idempotent()) {
    methods = absl::StrCat(shared_, " of its ", taken_,
                           " methods are marked NO_SIDE_EFFECTS, and share calls");
  } else if (idempotent()) {
    methods = absl::StrCat("shares nothing until the schema of upstream '", options_.upstream,
                           "' is there");
  }
  if (!methods.empty() && methods != told_of_methods_) {
    spdlog::info("route '{}': {}", label_, methods);
  }
  told_of_methods_ = methods;
  if (schema != nullptr) TellOfMethod(*schema);
}

void RouteRules::TellOfRules() {
  for (const FieldRule& rule : AllRules()) {
    const std::string said = absl::StrCat(NameOf(rule.state), rule.why);
    std::string& told = told_of_rules_[rule.text];
    const bool news = !told.empty() && told != said;
    const bool first = told.empty();
    told = said;
    switch (rule.state) {
      case RuleState::kWaiting:
        break;
      case RuleState::kInForce:
        if (news) spdlog::info("route '{}': key.message: '{}' is in force", label_, rule.text);
        break;
      case RuleState::kUnknown:
        if (news || first) {
          spdlog::warn("route '{}': key.message: '{}' is not in force, no method has it: {}",
                       label_, rule.text,
                       rule.why.empty() ? "the schema has no such method" : rule.why);
        }
        break;
      case RuleState::kSuspended:
        if (news || first) {
          spdlog::warn(
              "route '{}': key.message: '{}' is suspended, so the field counts: {}; it is ignored "
              "again when the schema is as it was, or when the configuration is loaded",
              label_, rule.text, rule.why);
        }
        break;
    }
  }
}

// A route that names one method says that it may be shared. What its author says may be wrong.
void RouteRules::TellOfMethod(const schema::Schema& schema) {
  const std::string& path = options_.match.method;
  if (warned_ || idempotent() || absl::StrContains(path, '*')) return;
  const schema::Method* const method = schema.Find(path);
  if (method != nullptr && method->safe) return;
  warned_ = true;
  const char* const does = options_.collapse.has_value() ? "collapses" : "keeps the replies of";
  if (method != nullptr) {
    spdlog::warn(
        "route '{}': {} {}, which the schema of upstream '{}' does not mark NO_SIDE_EFFECTS; "
        "if it only reads, mark it (option idempotency_level), else remove it here",
        label_, does, path, options_.upstream);
    return;
  }
  const std::string nearest = schema.NearestTo(path);
  spdlog::warn("route '{}': {} {}, which the schema of upstream '{}' does not have{}", label_, does,
               path, options_.upstream,
               nearest.empty() ? "" : absl::StrCat(" (did you mean ", nearest, "?)"));
}

void RouteRules::Show(metrics::Visitor& visitor) const {
  if (!options_.key.need_schema()) return;
  int64_t counts[] = {0, 0, 0, 0};
  for (const FieldRule& rule : AllRules()) ++counts[static_cast<size_t>(rule.state)];
  for (size_t i = 0; i < std::size(counts); ++i) {
    visitor.Level("singleflight_message_rules", "Rules of key.message, by what has become of them.",
                  {{"route", label_}, {"state", std::string(NameOf(static_cast<RuleState>(i)))}},
                  counts[i]);
  }
}

std::string RouteRules::Status() const {
  std::string text;
  for (const FieldRule& rule : AllRules()) {
    if (rule.state == RuleState::kInForce) continue;
    absl::StrAppend(&text, "route ", label_, ": key.message: '", rule.text, "' is ",
                    NameOf(rule.state), rule.why.empty() ? "" : ": ", rule.why, "\n");
  }
  if (idempotent()) absl::StrAppend(&text, "route ", label_, ": ", told_of_methods_, "\n");
  return text;
}

}  // namespace singleflight::app
