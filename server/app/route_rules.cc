// From a schema to the rules of methods, and what is said of it.

#include "server/app/route_rules.h"

#include <spdlog/spdlog.h>

#include <iterator>
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
  std::string text = core::PolicyOf(rules);
  for (const model::FieldTemplate& group : rules.invalidates) {
    absl::StrAppend(&text, "\ninvalidates");
    for (const model::FieldPath& field : group.fields()) {
      absl::StrAppend(&text, " ", model::ToText(field));
    }
  }
  absl::StrAppend(&text, "\n", rules.unary, " without");
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
      fields_(options_.key.ignored_fields, options_.key.ignored_names),
      named_(options_) {}

bool RouteRules::IsFor(const core::RouteOptions& options) const {
  return options.match.method == options_.match.method &&
         options.match.authority == options_.match.authority &&
         options.match.fields == options_.match.fields && options.tags == options_.tags &&
         options.invalidates == options_.invalidates && options.upstream == options_.upstream &&
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
  const bool shared = shares() && method.unary && (!idempotent() || method.safe);
  core::RouteOptions rules = shared ? options_ : Relayed();
  rules.unary = method.unary;
  named_.Resolve(method, rules);
  if (!shared) return rules;
  ++shared_;
  std::vector<model::FieldPath> tagged;
  for (const model::FieldTemplate& tag : rules.tags) {
    for (model::FieldPath& field : tag.fields()) tagged.push_back(std::move(field));
  }
  rules.key.ignored_fields = fields_.For(method, tagged);
  if (options_.key.canonicalize) rules.key.form = FormFor(method);
  return rules;
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
  const bool concerned = shares() || !named_.empty() || !options_.match.fields.empty();
  if (schema == nullptr || !concerned) {
    if (concerned) Tell(schema);
    return applied;
  }
  fields_.Begin();
  named_.Begin();
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

void RouteRules::ForEachRule(NamedFields::Each each) const {
  constexpr absl::string_view kOption = "key.message";
  for (const FieldRule& rule : fields_.rules()) each(kOption, "the field counts", rule);
  if (options_.key.canonicalize) each(kOption, "messages count as they came", canonical_);
  named_.ForEachRule(each);
}

void RouteRules::Tell(const schema::Schema* schema) {
  ForEachRule([this](absl::string_view option, absl::string_view consequence,
                     const FieldRule& rule) { TellOfRule(option, consequence, rule); });
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
  if (schema != nullptr && shares()) TellOfMethod(*schema);
}

void RouteRules::TellOfRule(absl::string_view option, absl::string_view consequence,
                            const FieldRule& rule) {
  const std::string said = absl::StrCat(NameOf(rule.state), rule.why);
  std::string& told = told_of_rules_[absl::StrCat(option, rule.text)];
  const bool first = told.empty();
  if (told == said) return;
  told = said;
  switch (rule.state) {
    case RuleState::kWaiting:
      return;
    case RuleState::kInForce:
      if (!first)
        spdlog::info("route '{}': {}: '{}' is in force", label_, std::string(option), rule.text);
      return;
    case RuleState::kUnknown:
      return spdlog::warn("route '{}': {}: '{}' is not in force, so {}: {}", label_,
                          std::string(option), rule.text, std::string(consequence),
                          rule.why.empty() ? "the schema has no such method" : rule.why);
    case RuleState::kSuspended:
      return spdlog::warn("route '{}': {}: '{}' is suspended, so {}: {}", label_,
                          std::string(option), rule.text, std::string(consequence), rule.why);
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
  if (!options_.key.need_schema() && named_.empty()) return;
  int64_t counts[] = {0, 0, 0, 0};
  ForEachRule([&counts](absl::string_view, absl::string_view, const FieldRule& rule) {
    ++counts[static_cast<size_t>(rule.state)];
  });
  for (size_t i = 0; i < std::size(counts); ++i) {
    visitor.Level(
        "singleflight_message_rules", "Fields that the route names, by what has become of them.",
        {{"route", label_}, {"state", std::string(NameOf(static_cast<RuleState>(i)))}}, counts[i]);
  }
}

std::string RouteRules::Status() const {
  std::string text;
  ForEachRule([&](absl::string_view option, absl::string_view, const FieldRule& rule) {
    if (rule.state == RuleState::kInForce) return;
    absl::StrAppend(&text, "route ", label_, ": ", option, ": '", rule.text, "' is ",
                    NameOf(rule.state), rule.why.empty() ? "" : ": ", rule.why, "\n");
  });
  if (idempotent()) absl::StrAppend(&text, "route ", label_, ": ", told_of_methods_, "\n");
  return text;
}

}  // namespace singleflight::app
