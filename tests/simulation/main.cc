// simulation [--seed=N] [--steps=N]: runs worlds of some ten thousand steps each, one after the
// other. A run that fails is shrunk, and told step by step. --replay=SEED:TICKET,… tells such a run
// again.

#include <sys/resource.h>

#include <cinttypes>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/simulation/run.h"

namespace singleflight::simulation {
namespace {

constexpr size_t kStepsOfAWorld = 20'000;

struct Flags {
  uint64_t seed = 1;
  size_t steps = 300'000;
  std::string replay;
};

bool ReadFlags(int argc, char** argv, Flags* flags) {
  for (int i = 1; i < argc; ++i) {
    absl::string_view flag = argv[i];
    if (absl::ConsumePrefix(&flag, "--seed=")) {
      if (!absl::SimpleAtoi(flag, &flags->seed)) return false;
    } else if (absl::ConsumePrefix(&flag, "--steps=")) {
      if (!absl::SimpleAtoi(flag, &flags->steps) || flags->steps == 0) return false;
    } else if (absl::ConsumePrefix(&flag, "--replay=")) {
      flags->replay = std::string(flag);
    } else {
      return false;
    }
  }
  return true;
}

// "SEED:TICKET,TICKET,…", tickets in hexadecimal.
bool ReadScript(absl::string_view text, Script* run) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &run->seed)) return false;
  for (const absl::string_view part : absl::StrSplit(parts[1], ',', absl::SkipEmpty())) {
    char* end = nullptr;
    const std::string ticket(part);
    run->tickets.push_back(std::strtoull(ticket.c_str(), &end, 16));
    if (*end != '\0') return false;
  }
  return true;
}

std::string TextOf(const Script& run) {
  std::string text = absl::StrCat(run.seed, ":");
  for (const Ticket ticket : run.tickets) {
    absl::StrAppend(&text, text.back() == ':' ? "" : ",", absl::Hex(ticket));
  }
  return text;
}

// What the runs have taken of a processor.
double Seconds() {
  rusage usage = {};
  getrusage(RUSAGE_CHILDREN, &usage);
  const auto in_seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return in_seconds(usage.ru_utime) + in_seconds(usage.ru_stime);
}

int Replay(const Script& run) {
  const Outcome outcome = Take(run, Telling::kEverything);
  std::printf("\n%s\n", outcome.failed() ? outcome.violation.c_str() : "nothing was violated");
  return outcome.failed() ? 1 : 0;
}

int TellFailure(const Script& run, const Outcome& outcome) {
  std::printf("seed %" PRIu64 ", step %zu: %s\n", run.seed, outcome.steps,
              outcome.violation.c_str());
  std::printf("again: simulation --seed=%" PRIu64 " --steps=%zu\n\nshrinking ...\n", run.seed,
              run.tickets.size());
  std::fflush(stdout);
  const Script shortened = Shorten(run);
  std::printf("%zu steps are enough:\n\n", shortened.tickets.size());
  Replay(shortened);
  std::printf("\nagain: simulation --replay=%s\n", TextOf(shortened).c_str());
  return 1;
}

int RunWorlds(const Flags& flags) {
  size_t steps = 0;
  for (uint64_t seed = flags.seed; steps < flags.steps; ++seed) {
    const Script run = ScriptOf(seed, std::min(kStepsOfAWorld, flags.steps - steps));
    const Outcome outcome = Take(run, Telling::kErrors);
    steps += outcome.steps;
    if (outcome.failed()) return TellFailure(run, outcome);
  }
  const double seconds = Seconds();
  std::printf("%zu steps from seed %" PRIu64 " in %.1f s of processor time, %.0f a second: %s\n",
              steps, flags.seed, seconds, static_cast<double>(steps) / seconds,
              "nothing was violated");
  return 0;
}

int Main(int argc, char** argv) {
  Flags flags;
  Script replayed;
  if (!ReadFlags(argc, argv, &flags) ||
      (!flags.replay.empty() && !ReadScript(flags.replay, &replayed))) {
    std::fprintf(stderr, "simulation [--seed=N] [--steps=N] | --replay=SEED:TICKET,...\n");
    return 2;
  }
  return flags.replay.empty() ? RunWorlds(flags) : Replay(replayed);
}

}  // namespace
}  // namespace singleflight::simulation

int main(int argc, char** argv) { return singleflight::simulation::Main(argc, argv); }
