// Each command makes its request, asks whether that is meant, and says what came of it.

#include "server/ctl/changes.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/ctl/figures.h"

namespace singleflight::ctl {
namespace {

namespace v1 = admin::v1;

// Makes the change, and prints what `tell` says of it.
template <typename Request, typename Response, typename Tell>
absl::Status Make(const Job& job, Method<Request, Response> method, const Request& request,
                  Tell tell) {
  const absl::StatusOr<Response> response = job.proxy.Change(method, request);
  if (!response.ok()) return response.status();
  if (job.json()) {
    job.PrintJson(*response);
  } else {
    job.Print(tell(*response));
  }
  return absl::OkStatus();
}

// A script has nobody to ask.
bool Confirmed(const Job& job, const std::string& question) {
  if (job.arguments.Has("--yes") || !job.around.can_ask) return true;
  job.around.err << question << " at " << job.proxy.place().address << "? [y/N] " << std::flush;
  std::string answer;
  std::getline(job.around.in, answer);
  absl::AsciiStrToLower(&answer);
  return answer == "y" || answer == "yes";
}

absl::Status Declined() { return absl::CancelledError("nothing was changed"); }

// The request, and what it asks for in words.
struct PurgeOf {
  v1::PurgeRequest request;
  std::string what;
};

absl::Status NameGroup(const Arguments& arguments, v1::Group& group) {
  if (!arguments.Has("--upstream")) {
    return absl::InvalidArgumentError(
        "--group needs --upstream: a group belongs to one upstream; singleflightctl upstreams");
  }
  group.set_name(arguments.Get("--group"));
  group.set_upstream(arguments.Get("--upstream"));
  group.set_authority(arguments.Get("--authority"));
  return absl::OkStatus();
}

absl::Status CheckOfGroup(const Arguments& arguments) {
  for (const char* option : {"--upstream", "--authority"}) {
    if (!arguments.Has(option) || arguments.Has("--group")) continue;
    return absl::InvalidArgumentError(absl::StrCat(option, " goes with --group alone"));
  }
  return absl::OkStatus();
}

absl::StatusOr<PurgeOf> ReadPurge(const Arguments& arguments) {
  const absl::StatusOr<std::string> scope =
      arguments.OneOf({"--key", "--method", "--group", "--all"});
  if (!scope.ok()) return scope.status();
  if (absl::Status status = CheckOfGroup(arguments); !status.ok()) return status;
  PurgeOf purge;
  purge.what = absl::StrCat("of ", scope->substr(2), " ", arguments.Get(*scope));
  if (*scope == "--key") purge.request.set_key(arguments.Get("--key"));
  if (*scope == "--method") purge.request.set_method(arguments.Get("--method"));
  if (*scope == "--group") {
    absl::Status status = NameGroup(arguments, *purge.request.mutable_group());
    if (!status.ok()) return status;
  }
  if (*scope == "--all") {
    purge.request.set_all(true);
    purge.what = "of everything";
  }
  return purge;
}

// "catalog/10.0.0.7:50051", "catalog/unix:/run/x.sock"
absl::Status NameEndpoint(const std::string& option, const std::string& text,
                          v1::EndpointName& endpoint) {
  const size_t slash = text.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == text.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        option, ": '", text, "' is not UPSTREAM/ADDRESS, as singleflightctl upstreams shows it"));
  }
  endpoint.set_upstream(text.substr(0, slash));
  endpoint.set_address(text.substr(slash + 1));
  return absl::OkStatus();
}

absl::Status DrainEndpoint(const Job& job, const std::string& option) {
  const std::string name = job.arguments.Get(option);
  const bool out = option == "--endpoint";
  v1::DrainRequest request;
  v1::EndpointName& endpoint = out ? *request.mutable_endpoint() : *request.mutable_resume();
  if (absl::Status status = NameEndpoint(option, name, endpoint); !status.ok()) return status;
  return Make(job, &Stub::Drain, request, [&](const v1::DrainResponse& response) {
    if (!out) return absl::StrCat(name, " is back in\n");
    return absl::StrCat(
        name, " is out; connections that are left to end: ", Count(response.connections()), "\n");
  });
}

absl::Status DrainProcess(const Job& job) {
  if (!Confirmed(job, "End the proxy")) return Declined();
  v1::DrainRequest request;
  request.set_process(true);
  return Make(job, &Stub::Drain, request, [](const v1::DrainResponse& response) {
    return absl::StrCat("the proxy drains and ends; connections that are left to end: ",
                        Count(response.connections()), "\n");
  });
}

}  // namespace

absl::Status Purge(const Job& job) {
  const absl::StatusOr<PurgeOf> purge = ReadPurge(job.arguments);
  if (!purge.ok()) return purge.status();
  if (!Confirmed(job, absl::StrCat("Drop what is kept ", purge->what))) return Declined();
  return Make(job, &Stub::Purge, purge->request, [](const v1::PurgeResponse& response) {
    return absl::StrCat("dropped entries: ", Count(response.dropped()), " (purge number ",
                        response.sequence(), ")\n");
  });
}

absl::Status Reload(const Job& job) {
  return Make(job, &Stub::Reload, v1::ReloadRequest(), [&](const v1::ReloadResponse& response) {
    for (const std::string& warning : response.warnings()) {
      job.around.err << "warning: " << warning << "\n";
    }
    return std::string("the configuration is in force\n");
  });
}

absl::Status Drain(const Job& job) {
  const absl::StatusOr<std::string> what =
      job.arguments.OneOf({"--endpoint", "--resume", "--process"});
  if (!what.ok()) return what.status();
  return *what == "--process" ? DrainProcess(job) : DrainEndpoint(job, *what);
}

absl::Status ShareAgain(const Job& job) {
  const std::string& route = job.arguments.operand;
  v1::ShareAgainRequest request;
  request.set_route(route);
  return Make(job, &Stub::ShareAgain, request, [&](const v1::ShareAgainResponse& response) {
    return absl::StrCat(route, response.was_stopped() ? " shares again\n" : " shared already\n");
  });
}

absl::Status SetLogLevel(const Job& job) {
  const std::string& level = job.arguments.operand;
  v1::SetLogLevelRequest request;
  request.set_level(level);
  return Make(job, &Stub::SetLogLevel, request, [&](const v1::SetLogLevelResponse& response) {
    return absl::StrCat("log level: ", level, ", before: ", response.previous(), "\n");
  });
}

}  // namespace singleflight::ctl
