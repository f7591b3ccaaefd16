#include "server/app/tracing.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "server/version.h"

namespace singleflight::app {
namespace {

std::deque<trace::Recorder> MakeRecorders(size_t workers, uint64_t seed,
                                          const std::function<absl::Time()>& wall_clock) {
  std::deque<trace::Recorder> recorders;
  for (size_t i = 0; i < workers; ++i) recorders.emplace_back(seed, i, wall_clock);
  return recorders;
}

}  // namespace

Tracing::Tracing(size_t workers, uint64_t seed, const std::function<absl::Time()>& wall_clock,
                 std::string instance)
    : recorders_(MakeRecorders(workers, seed, wall_clock)),
      exporter_(SettingFor(std::move(instance))) {}

otlp::Exporter::Setting Tracing::SettingFor(std::string instance) {
  otlp::Exporter::Setting setting{{}, kVersion, std::move(instance)};
  for (trace::Recorder& recorder : recorders_) setting.outboxes.push_back(&recorder.outbox());
  return setting;
}

absl::StatusOr<Tracing::Prepared> Tracing::Prepare(const otlp::Options& options) {
  if (!options.on()) return Prepared();
  return otlp::MakeCollector(options);
}

void Tracing::Adopt(Prepared collector) {
  in_force_ = std::move(collector);
  exporter_.SetCollector(in_force_);
}

absl::optional<trace::Tracer> Tracing::TracerFor(size_t worker) {
  if (in_force_ == nullptr) return absl::nullopt;
  return trace::Tracer(in_force_->options.sampling, recorders_[worker]);
}

void Tracing::Stop(std::chrono::milliseconds patience) {
  const uint64_t left = exporter_.Stop(patience);
  if (left > 0) spdlog::warn("traces: {} spans were left unsent at the end", left);
}

}  // namespace singleflight::app
