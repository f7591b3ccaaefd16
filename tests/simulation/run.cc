#include "tests/simulation/run.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "tests/simulation/shrink.h"

namespace singleflight::simulation {
namespace {

constexpr unsigned kMostSeconds = 300;  // one that takes longer hangs

// What the process of a run leaves where the other one finds it, even if it dies.
struct Traces {
  size_t steps;
  std::array<char, 2000> violation;
};

Traces& SharedTraces() {
  void* const memory =
      mmap(nullptr, sizeof(Traces), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  SF_CHECK(memory != MAP_FAILED);
  return *new (memory) Traces();
}

bool TakeSteps(const Script& run, Simulation& simulation, Telling telling, Traces& traces) {
  for (const Ticket ticket : run.tickets) {
    ++traces.steps;
    if (telling == Telling::kEverything) std::printf("%zu. ", traces.steps);
    if (!simulation.Step(ticket)) return false;
  }
  return simulation.Finish();
}

[[noreturn]] void TakeHere(const Script& run, Telling telling, Traces& traces) {
  alarm(kMostSeconds);
  spdlog::set_level(spdlog::level::off);
  if (telling == Telling::kNothing) {
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDERR_FILENO);
  }
  {
    Simulation simulation(run.seed, run.defect);
    if (telling == Telling::kEverything) {
      std::setvbuf(stdout, nullptr, _IOLBF, 0);
      simulation.Listen([](const std::string& text) { std::printf("%s\n", text.c_str()); });
    }
    if (!TakeSteps(run, simulation, telling, traces)) {
      simulation.violation().copy(traces.violation.data(), traces.violation.size() - 1);
      std::fflush(stdout);
      _exit(1);  // what goes on in it has not come to its end
    }
  }
  std::exit(0);  // with what a sanitizer has to say at the end
}

}  // namespace

Script ScriptOf(uint64_t seed, size_t steps, Defect defect) {
  Script run{seed, {}, defect};
  for (size_t i = 0; i < steps; ++i) run.tickets.push_back(TicketOf(seed, i));
  return run;
}

Outcome Take(const Script& run, Telling telling) {
  Traces& traces = SharedTraces();
  std::fflush(stdout);
  const pid_t child = fork();
  SF_CHECK(child >= 0);
  if (child == 0) TakeHere(run, telling, traces);
  int status = 0;
  SF_CHECK(waitpid(child, &status, 0) == child);
  Outcome outcome{traces.violation.data(), traces.steps};
  if (outcome.violation.empty() && WIFSIGNALED(status)) {
    outcome.violation = absl::StrCat("the program was ended by signal ", WTERMSIG(status));
  } else if (outcome.violation.empty() && WEXITSTATUS(status) != 0) {
    outcome.violation = absl::StrCat("the program ended with status ", WEXITSTATUS(status));
  }
  munmap(&traces, sizeof(traces));
  return outcome;
}

Script Shorten(const Script& run) {
  const auto fails_after = [&run](const std::vector<Ticket>& tickets) -> absl::optional<size_t> {
    const Outcome outcome = Take({run.seed, tickets, run.defect}, Telling::kNothing);
    return outcome.failed() ? absl::make_optional(outcome.steps) : absl::nullopt;
  };
  return {run.seed, Shrunk(run.tickets, fails_after), run.defect};
}

}  // namespace singleflight::simulation
