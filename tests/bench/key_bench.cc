// What it costs to make the key of a call and to find out that two keys are equal.

#include <benchmark/benchmark.h>

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/variant.h"
#include "server/base/check.h"
#include "server/model/key.h"
#include "server/model/request.h"
#include "tests/bench/programs/allocations.h"
#include "tests/bench/programs/body.h"

namespace singleflight::model {
namespace {

using bench::CountAllocations;

constexpr uint64_t kSeed = 7;
constexpr uint32_t kTrust = 1;

// What gRPC clients send, and a few of the fields that meshes and browsers add.
Request TypicalRequest() {
  Headers fields;
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {":method", "POST"},
           {":scheme", "http"},
           {":path", "/shop.v1.Catalog/GetItem"},
           {":authority", "catalog.shop.svc.cluster.local:50051"},
           {"te", "trailers"},
           {"content-type", "application/grpc"},
           {"user-agent", "grpc-go/1.62.0"},
           {"grpc-accept-encoding", "identity, deflate, gzip"},
           {"grpc-timeout", "4999m"},
           {"authorization", "Bearer 0123456789abcdef0123456789abcdef0123456789abcdef"},
           {"x-request-id", "9e1d7a52-4be0-4bfb-a2b5-6f0c7f2f2b1e"},
           {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
           {"accept-language", "de-CH"},
       }) {
    fields.Add(name, value);
  }
  auto parsed = ParseRequest(std::move(fields));
  SF_CHECK(absl::holds_alternative<Request>(parsed));
  return absl::get<Request>(std::move(parsed));
}

void MakeKey(benchmark::State& state, KeyRules::Mode mode) {
  Fingerprints fingerprints;
  const KeyPolicy policy({.mode = mode, .names = {"accept-language"}}, "catalog", kSeed,
                         fingerprints);
  const Request request = TypicalRequest();
  const std::string message = bench::Framed(bench::Pattern(static_cast<size_t>(state.range(0))));
  const CountAllocations counted(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(policy.MakeKey(kTrust, request, request.authority(), message));
  }
}
BENCHMARK_CAPTURE(MakeKey, all_but_noise, KeyRules::Mode::kAllButNoise)->Arg(50)->Arg(4096);
BENCHMARK_CAPTURE(MakeKey, only, KeyRules::Mode::kOnly)->Arg(50)->Arg(4096);

// Of a message with so many fields of 12 bytes, by rules about fields.
void MakeKeyOfFields(benchmark::State& state, const KeyRules& rules) {
  Fingerprints fingerprints;
  const KeyPolicy policy(rules, "catalog", kSeed, fingerprints);
  const Request request = TypicalRequest();
  std::string fields;
  for (int64_t i = state.range(0); i > 0; --i) {
    fields += static_cast<char>(i << 3 | 2);
    fields +=
        "\x0a"
        "0123456789";
  }
  const std::string message = bench::Framed(fields);
  const CountAllocations counted(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(policy.MakeKey(kTrust, request, request.authority(), message));
  }
}

void MakeKeyWithoutAField(benchmark::State& state) {
  MakeKeyOfFields(state, {.ignored_fields = {{1}}});
}
BENCHMARK(MakeKeyWithoutAField)->Arg(1)->Arg(5)->Arg(15);

// The fields come in the wrong order, so that each is moved.
void MakeKeyOfCanonicalForm(benchmark::State& state) {
  CanonicalMessage message;
  for (uint32_t number = 1; number <= 15; ++number) {
    message.fields.push_back(
        {number, CanonicalField::Kind::kBytes, CanonicalField::Shape::kImplicit, 0, 0});
  }
  MakeKeyOfFields(
      state,
      {.form = std::make_shared<const CanonicalForm>(std::vector<CanonicalMessage>{message})});
}
BENCHMARK(MakeKeyOfCanonicalForm)->Arg(1)->Arg(5)->Arg(15);

void EqualKeys(benchmark::State& state) {
  Fingerprints fingerprints;
  const KeyPolicy policy({}, "catalog", kSeed, fingerprints);
  const Request request = TypicalRequest();
  const Key a =
      policy.MakeKey(kTrust, request, request.authority(), bench::Framed(bench::Pattern(50)));
  const Key b =
      policy.MakeKey(kTrust, request, request.authority(), bench::Framed(bench::Pattern(50)));
  for (auto _ : state) benchmark::DoNotOptimize(a == b);
}
BENCHMARK(EqualKeys);

}  // namespace
}  // namespace singleflight::model

BENCHMARK_MAIN();
