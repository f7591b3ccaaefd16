// The command line of eviction-simulator.

#include "tests/bench/eviction/options.h"

#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace singleflight::bench {
namespace {

template <typename Kind>
std::string NamesOf(const std::vector<Kind>& kinds) {
  return absl::StrJoin(kinds, ", ",
                       [](std::string* out, const Kind& kind) { absl::StrAppend(out, kind.name); });
}

// Those of `kinds` that a comma-separated list names; all of them for `all`.
template <typename Kind>
absl::StatusOr<std::vector<Kind>> Chosen(absl::string_view names, const std::vector<Kind>& kinds) {
  if (names == "all") return kinds;
  std::vector<Kind> chosen;
  for (const absl::string_view name : absl::StrSplit(names, ',')) {
    const size_t before = chosen.size();
    for (const Kind& kind : kinds) {
      if (name == kind.name) chosen.push_back(kind);
    }
    if (chosen.size() == before) {
      return absl::InvalidArgumentError(
          absl::StrCat("there is no '", name, "'; choose from all, ", NamesOf(kinds)));
    }
  }
  return chosen;
}

absl::StatusOr<std::vector<double>> Sizes(absl::string_view list) {
  std::vector<double> sizes;
  for (const absl::string_view text : absl::StrSplit(list, ',')) {
    double size = 0;
    if (!absl::SimpleAtod(text, &size) || !(size > 0 && size <= 100)) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", text, "' is not a size; want per cent, above 0 and up to 100"));
    }
    sizes.push_back(size);
  }
  return sizes;
}

template <typename Number>
absl::StatusOr<Number> Parsed(absl::string_view text) {
  Number number = 0;
  if (absl::SimpleAtoi(text, &number) && number > 0) return number;
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not a number above 0"));
}

template <typename T>
absl::Status Assign(absl::StatusOr<T> value, T& to) {
  if (value.ok()) to = *std::move(value);
  return value.status();
}

absl::Status ParseOne(absl::string_view argument, Options& options) {
  if (argument == "--help" || argument == "-h") {
    options.help = true;
  } else if (argument == "--json") {
    options.output = Options::Output::kJson;
  } else if (argument == "--markdown") {
    options.output = Options::Output::kMarkdown;
  } else if (absl::ConsumePrefix(&argument, "--policy=")) {
    return Assign(Chosen(argument, AllPolicies()), options.policies);
  } else if (absl::ConsumePrefix(&argument, "--size=")) {
    return Assign(Sizes(argument), options.sizes);
  } else if (absl::ConsumePrefix(&argument, "--workload=")) {
    return Assign(Chosen(argument, AllWorkloads()), options.workloads);
  } else if (absl::ConsumePrefix(&argument, "--requests=")) {
    return Assign(Parsed<size_t>(argument), options.requests);
  } else if (absl::ConsumePrefix(&argument, "--seed=")) {
    return Assign(Parsed<uint64_t>(argument), options.seed);
  } else if (absl::StartsWith(argument, "-")) {
    return absl::InvalidArgumentError("unknown; see --help");
  } else {
    options.files.emplace_back(argument);
  }
  return absl::OkStatus();
}

}  // namespace

std::string HelpText() {
  std::string text = absl::StrCat(
      "usage: eviction-simulator [OPTION]... [TRACE]...\n\n"
      "Serves traces from caches of several sizes with several eviction policies, and prints\n"
      "hit ratios by requests and by bytes. Without TRACE, the built-in workloads.\n\n"
      "A TRACE is text, `key,size` a line, or binary in libCacheSim's oracleGeneral form; either\n"
      "may be gzip'd. In a trace whose sizes are all 1, objects count 1 KiB.\n\n"
      "  --policy=NAME,...    ",
      NamesOf(AllPolicies()), "\n                       (all)\n",
      "  --size=PERCENT,...   of the trace's distinct bytes (0.1,0.3,1,3,10)\n"
      "  --workload=NAME,...  built-in ones; `all` for all, also beside traces\n"
      "  --requests=N         of each workload (500000)\n"
      "  --seed=N             of the workloads (1)\n"
      "  --json               for programs\n"
      "  --markdown           for documents\n"
      "  --help               this\n\n"
      "Bookkeeping is not counted, except by the product's policy, which pays for its own.\n\n"
      "Workloads:\n");
  for (const Workload& workload : AllWorkloads()) {
    absl::StrAppend(&text, "  ", workload.name, std::string(13 - std::strlen(workload.name), ' '),
                    workload.about, "\n");
  }
  return text;
}

absl::StatusOr<Options> ParseOptions(const std::vector<std::string>& arguments) {
  Options options;
  options.policies = AllPolicies();
  options.sizes = {0.1, 0.3, 1, 3, 10};
  for (const std::string& argument : arguments) {
    const absl::Status status = ParseOne(argument, options);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(argument, ": ", status.message()));
    }
  }
  if (options.files.empty() && options.workloads.empty()) options.workloads = AllWorkloads();
  return options;
}

}  // namespace singleflight::bench
