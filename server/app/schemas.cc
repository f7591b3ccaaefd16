// When upstreams are asked for their schemas, and what becomes of the answers.

#include "server/app/schemas.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "absl/strings/str_cat.h"
#include "server/app/proto_time.h"
#include "server/app/utc.h"
#include "server/upstream/target.h"

namespace singleflight::app {

using stub::ReflectionFailure;

struct Schemas::Source {
  upstream::UpstreamOptions upstream;
  schema::Options options;

  std::shared_ptr<const schema::Schema> schema;  // null: none yet
  absl::Time taken_at;
  uint64_t age = 0;     // in ticks, since it was taken or found unchanged
  std::string failure;  // of the latest question; empty: it was answered, or there was none
  uint64_t due = 0;     // in so many ticks it is asked again
  uint64_t pause = 0;   // after the latest failure
  bool served = true;
  std::unique_ptr<stub::Reflection> asking;  // null: it is not being asked
};

namespace {

std::string WhereFrom(const schema::Options& options) {
  return options.reflection ? "reflection" : options.descriptor_set;
}

std::string Said(const schema::Schema& schema) {
  return absl::StrCat(schema.methods().size(), " methods of ", schema.files(), " files");
}

}  // namespace

Schemas::Schemas(boost::asio::io_context& control, std::function<absl::Time()> wall_clock,
                 Events& events, Hooks hooks, Pace pace)
    : control_(control),
      wall_clock_(std::move(wall_clock)),
      events_(events),
      hooks_(std::move(hooks)),
      pace_(pace),
      timer_(control) {}

Schemas::~Schemas() = default;

absl::StatusOr<Schemas::List> Schemas::Prepare(const config::Config& config) {
  List list;
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    if (i >= config.schemas.size() || !config.schemas[i].has_value()) continue;
    const schema::Options& options = *config.schemas[i];
    std::shared_ptr<Source> source = Known(config.upstreams[i], options);
    if (source == nullptr || !options.reflection) {
      source = std::make_shared<Source>();
      source->upstream = config.upstreams[i];
      source->options = options;
      if (absl::Status status = ReadFile(*source); !status.ok()) return status;
    }
    list.push_back(std::move(source));
  }
  return list;
}

std::shared_ptr<Schemas::Source> Schemas::Known(const upstream::UpstreamOptions& upstream,
                                                const schema::Options& options) const {
  for (const auto& source : in_force_) {
    if (source->upstream == upstream && source->options == options) return source;
  }
  return nullptr;
}

absl::Status Schemas::ReadFile(Source& source) const {
  if (source.options.reflection) return absl::OkStatus();
  absl::StatusOr<std::shared_ptr<const schema::Schema>> schema =
      schema::Schema::ReadFile(source.options.descriptor_set);
  if (!schema.ok()) {
    return absl::Status(schema.status().code(),
                        absl::StrCat("upstream '", source.upstream.name,
                                     "': schema.descriptor_set: ", schema.status().message()));
  }
  source.schema = *std::move(schema);
  source.taken_at = wall_clock_();
  return absl::OkStatus();
}

void Schemas::Adopt(List list) {
  in_force_ = std::move(list);
  std::erase_if(counts_, [this](const auto& count) {
    return std::none_of(in_force_.begin(), in_force_.end(),
                        [&](const auto& source) { return source->upstream.name == count.first; });
  });
  const bool asks = std::any_of(in_force_.begin(), in_force_.end(),
                                [](const auto& source) { return source->options.reflection; });
  AskThoseDue();
  if (asks && !ticking_) AwaitTick();
}

void Schemas::Stop() {
  timer_.cancel();
  in_force_.clear();
}

void Schemas::AwaitTick() {
  ticking_ = true;
  timer_.expires_after(pace_.tick);
  timer_.async_wait([this](const boost::system::error_code& error) {
    ticking_ = false;
    if (!error) Tick();
  });
}

void Schemas::Tick() {
  bool asks = false;
  for (const auto& source : in_force_) {
    if (!source->options.reflection) continue;
    asks = true;
    ++source->age;
    if (source->due > 0) --source->due;
    const bool serves = hooks_.serves(source->upstream.name);
    if (serves && !source->served) source->due = 0;
    source->served = serves;
  }
  AskThoseDue();
  if (asks) AwaitTick();
}

void Schemas::AskThoseDue() {
  for (const auto& source : in_force_) {
    if (!source->options.reflection || source->due > 0 || source->asking != nullptr) continue;
    counts_[source->upstream.name];
    Ask(source);
  }
}

void Schemas::Ask(const std::shared_ptr<Source>& source) {
  const absl::StatusOr<upstream::Target> target = upstream::ParseTarget(source->upstream);
  std::string authority = target.ok() ? target->authority : "";
  if (source->upstream.authority_rule == upstream::AuthorityRule::kFixed) {
    authority = source->upstream.authority;
  }
  source->asking = std::make_unique<stub::Reflection>(
      source->upstream, authority, pace_.answer,
      [this, weak = std::weak_ptr<Source>(source)](stub::Reflection::Answer said) {
        boost::asio::post(control_, [this, weak, answer = Read(std::move(said))]() mutable {
          if (const auto source = weak.lock()) OnAnswer(*source, std::move(answer));
        });
      });
}

// On the thread of the question.
Schemas::Answer Schemas::Read(stub::Reflection::Answer answer) {
  if (answer.failure.has_value()) return {nullptr, answer.failure, std::move(answer.why)};
  absl::StatusOr<std::shared_ptr<const schema::Schema>> schema =
      schema::Schema::Read(answer.descriptor_set);
  if (schema.ok()) return {*std::move(schema), absl::nullopt, ""};
  const bool large = absl::IsResourceExhausted(schema.status());
  return {nullptr, large ? ReflectionFailure::kTooLarge : ReflectionFailure::kMalformed,
          std::string(schema.status().message())};
}

void Schemas::OnAnswer(Source& source, Answer answer) {
  source.asking.reset();
  if (answer.failure.has_value()) return Fail(source, *answer.failure, answer.why);
  const bool same =
      source.schema != nullptr && source.schema->contents() == answer.schema->contents();
  if (!same && !hooks_.has_room()) {
    return Fail(source, ReflectionFailure::kTooManyChanges,
                "it has changed too often; the one before stays in force until a restart");
  }
  source.due = TicksOf(source.options.refresh);
  source.pause = 0;
  source.age = 0;
  ++counts_[source.upstream.name].refreshes;
  if (!source.failure.empty() && same) {
    spdlog::info("upstream '{}': its schema can be had again", source.upstream.name);
  }
  source.failure.clear();
  if (!same) Take(source, std::move(answer.schema));
}

void Schemas::Take(Source& source, std::shared_ptr<const schema::Schema> schema) {
  const bool first = source.schema == nullptr;
  source.schema = std::move(schema);
  source.taken_at = wall_clock_();
  const std::string text = absl::StrCat(
      first ? "its schema is there: " : "its schema has changed: ", Said(*source.schema));
  spdlog::info("upstream '{}': {}", source.upstream.name, text);
  events_.Add("schema", source.upstream.name, text);
  hooks_.on_change();
}

// Told once, and not again while the reason stays.
void Schemas::Fail(Source& source, ReflectionFailure failure, const std::string& why) {
  counts_[source.upstream.name].failures.Add(failure);
  source.pause = std::clamp<uint64_t>(2 * source.pause, 1, pace_.longest_pause);
  source.due = std::min(source.pause, TicksOf(source.options.refresh));
  const std::string text = absl::StrCat(NameOf(failure), ": ", why);
  const bool news = source.failure.empty() ||
                    source.failure.substr(0, source.failure.find(':')) != NameOf(failure);
  source.failure = text;
  if (!news) return;
  spdlog::warn("upstream '{}': its schema cannot be had by reflection ({}); {}",
               source.upstream.name, text,
               source.schema == nullptr ? "what needs it waits" : "the one before stays in force");
  events_.Add("schema", source.upstream.name, absl::StrCat("its schema cannot be had: ", text));
}

uint64_t Schemas::TicksOf(absl::Duration time) const {
  return static_cast<uint64_t>(std::max<int64_t>(1, time / absl::FromChrono(pace_.tick)));
}

std::shared_ptr<const schema::Schema> Schemas::Of(const std::string& upstream) const {
  for (const auto& source : in_force_) {
    if (source->upstream.name == upstream) return source->schema;
  }
  return nullptr;
}

void Schemas::Show(metrics::Visitor& visitor) const {
  for (const auto& source : in_force_) {
    const std::string& name = source->upstream.name;
    const metrics::Labels labels = {{"upstream", name}};
    visitor.Level(
        "singleflight_schema_methods",
        "Methods that the upstream's schema has; 0: there is none yet.", labels,
        source->schema == nullptr ? 0 : static_cast<int64_t>(source->schema->methods().size()));
    if (!source->options.reflection) continue;
    visitor.Level(
        "singleflight_schema_age_seconds",
        "How long ago the upstream last said what its schema is; since it is asked, if it "
        "never did.",
        labels, static_cast<int64_t>(source->age) * pace_.tick.count() / 1000);
    const auto counted = counts_.find(name);
    if (counted == counts_.end()) continue;
    const Counts& counts = counted->second;
    visitor.Count("singleflight_schema_refreshes_total",
                  "Times that the upstream said what its schema is.", labels, counts.refreshes);
    counts.failures.Show("singleflight_schema_failures_total",
                         "Times that it was asked and its schema could not be had.", labels,
                         visitor);
  }
}

void Schemas::Describe(const std::string& name, admin::v1::Upstream& upstream) const {
  for (const auto& source : in_force_) {
    if (source->upstream.name != name) continue;
    admin::v1::Schema& out = *upstream.mutable_schema();
    out.set_source(WhereFrom(source->options));
    out.set_failure(source->failure);
    if (source->schema == nullptr) return;
    out.set_methods(source->schema->methods().size());
    *out.mutable_taken_at() = ToProto(source->taken_at);
  }
}

std::string Schemas::Status() const {
  std::string text;
  for (const auto& source : in_force_) {
    absl::StrAppend(&text, "schema of ", source->upstream.name, " (", WhereFrom(source->options),
                    "): ",
                    source->schema == nullptr
                        ? "not there yet"
                        : absl::StrCat(Said(*source->schema), ", since ", Utc(source->taken_at)),
                    source->failure.empty() ? "" : absl::StrCat("; ", source->failure), "\n");
  }
  return text;
}

}  // namespace singleflight::app
