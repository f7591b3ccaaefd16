// The table itself. Options that belong to one command stand above it.

#include "server/ctl/commands.h"

namespace singleflight::ctl {
namespace {

constexpr Option kCommon[] = {
    {"--address", "ADDRESS", "where the proxy's admin.grpc is: unix:/PATH or HOST:PORT"},
    {"--token-file", "FILE", "holds the token that changes need"},
    {"--ca", "FILE", "TLS: the certificates that the proxy's must be of"},
    {"--certificate", "FILE", "TLS: the certificate to show"},
    {"--private-key", "FILE", "TLS: its key"},
    {"--timeout", "DURATION", "how long an answer may take; 15s unless given"},
    {"--json", "", "print the proxy's message as JSON, on one line"},
    {"--help", "", "explain the command, or all of them"},
    {"--version", "", "print the version"},
};

constexpr Option kStats[] = {
    {"--watch", "", "again and again, with rates, until Ctrl-C"},
    {"--interval", "DURATION", "how often: 100ms to 1m; 1s unless given"},
};

constexpr Option kTop[] = {
    {"--by", "FIGURE", "what to rank by: calls unless given", "calls saved-bytes"},
    {"--route", "ROUTE", "keys of this route only"},
    {"--limit", "N", "how many: at most 1000; 20 unless given"},
};

constexpr Option kLimit[] = {{"--limit", "N", "how many: at most 1000; 100 unless given"}};

constexpr Option kWhy[] = {{"--route", "ROUTE", "calls of this route only"}};

constexpr Option kPurge[] = {
    {"--key", "DIGEST", "what is kept under this key, as top and flights show it"},
    {"--method", "METHOD", "of this method: /package.Service/Method"},
    {"--group", "GROUP", "of this group of --upstream"},
    {"--upstream", "UPSTREAM", "whose group --group is"},
    {"--authority", "AUTHORITY", "the group's authority; what is sent by default unless given"},
    {"--all", "", "everything"},
    {"--yes", "", "do not ask for confirmation"},
};

constexpr Option kDrain[] = {
    {"--endpoint", "UPSTREAM/ADDRESS", "takes one endpoint out: it gets no new calls"},
    {"--resume", "UPSTREAM/ADDRESS", "takes it back in"},
    {"--process", "", "ends the proxy when its calls have ended, as SIGTERM does"},
    {"--yes", "", "do not ask for confirmation"},
};

constexpr Command kCommands[] = {
    {"stats", "", "", "calls and what was saved, latency, upstreams, cache", kStats,
     "Latency is how long callers waited. With --watch, rates and latency are of the\n"
     "last interval; all other figures count since the proxy began.\n"},
    {"top", "", "", "the keys asked for most, or that saved most bytes", kTop,
     "Busy workers count a sample: 19 of 20 counts are within the figure behind ±. A\n"
     "key is a digest that is this process's own.\n"},
    {"flights", "", "", "upstream calls in the air that callers wait for", kLimit,
     "Those with the most waiters come first.\n"},
    {"routes",
     "",
     "",
     "the routes, in the order in which they are tried",
     {},
     "Below stands what mode: shadow and verify have found.\n"},
    {"upstreams", "", "", "upstreams with their endpoints, and what is wrong there", {}, ""},
    {"why", "", "", "what kept calls apart that were equal but for it", kWhy,
     "From a sample of recent keys of each route. Below the table stands the line of\n"
     "YAML that lets such calls meet, where that is safe.\n"},
    {"events", "", "", "what happened lately: reloads, endpoints, purges, drains", kLimit, ""},
    {"info", "", "", "the process: version, since when, configuration, listeners", {}, ""},
    {"purge", "", "", "drops what is kept", kPurge,
     "One of --key, --method, --group and --all says what. A call that comes after it\n"
     "gets nothing that was asked of an upstream before. On a terminal it asks first.\n"},
    {"reload", "", "", "has the configuration read again, and taken whole or not at all", {}, ""},
    {"drain", "", "", "takes an endpoint out or back in, or ends the process", kDrain,
     "One of --endpoint, --resume and --process says what. UPSTREAM/ADDRESS is as\n"
     "upstreams shows it: catalog/10.0.0.7:50051. On a terminal --process asks first.\n"},
    {"share-again",
     "ROUTE",
     "",
     "has a route share again whose verify has stopped that",
     {},
     "routes shows which it is, and in what replies differed. A reload does the same for\n"
     "all routes.\n"},
    {"log-level",
     "LEVEL",
     "debug info warning error",
     "sets what is logged, until the next reload or restart",
     {},
     ""},
    {"check",
     "FILE",
     "",
     "lists the mistakes of a configuration; asks no proxy",
     {},
     "What singleflight-proxy --check says, with its exit status. -: standard input.\n"},
    {"completion",
     "SHELL",
     "bash zsh",
     "prints the shell's completion of this program",
     {},
     "For this shell alone: source <(singleflightctl completion bash)\n"},
    {"help", "COMMAND", "", "explains a command", {}, ""},
};

}  // namespace

absl::Span<const Command> Commands() { return kCommands; }

absl::Span<const Option> CommonOptions() { return kCommon; }

const Command* FindCommand(absl::string_view name) {
  for (const Command& command : kCommands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

const Option* FindOption(absl::Span<const Option> options, absl::string_view name) {
  for (const Option& option : options) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

}  // namespace singleflight::ctl
