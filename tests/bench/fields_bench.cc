// What it costs to look into a message: to compare a field, and to make tags of it.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "server/model/field_condition.h"
#include "server/model/field_template.h"
#include "tests/bench/programs/allocations.h"

namespace singleflight::model {
namespace {

using bench::CountAllocations;

// So many fields of 12 bytes, each a text of ten digits.
std::string MessageOf(int64_t count) {
  std::string fields;
  for (int64_t i = 1; i <= count; ++i) {
    fields += static_cast<char>(i << 3 | 2);
    fields +=
        "\x0a"
        "0123456789";
  }
  return fields;
}

void MatchField(benchmark::State& state) {
  const FieldCondition condition{{1}, std::string("0123456789")};
  const std::string message = MessageOf(state.range(0));
  const CountAllocations counted(state);
  for (auto _ : state) benchmark::DoNotOptimize(condition.Matches(message));
}
BENCHMARK(MatchField)->Arg(1)->Arg(5)->Arg(15);

void MakeTags(benchmark::State& state) {
  const std::vector<FieldTemplate> templates = {*ParseFieldTemplate("item:{1}").parsed,
                                                *ParseFieldTemplate("items").parsed};
  const std::string message = MessageOf(state.range(0));
  const CountAllocations counted(state);
  for (auto _ : state) {
    Tagging why = Tagging::kWhole;
    benchmark::DoNotOptimize(TagsOf(templates, message, &why));
  }
}
BENCHMARK(MakeTags)->Arg(1)->Arg(5)->Arg(15);

}  // namespace
}  // namespace singleflight::model

BENCHMARK_MAIN();
