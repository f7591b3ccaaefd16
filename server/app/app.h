// The composition root: builds every part of the proxy from a configuration, in the order of their
// dependence, exchanges what a new configuration changes, and takes it all down in reverse.
//
// Threads: the one that made it, which is the control thread: Run serves signals, reloads, health
// pages and name look-ups on it.

#ifndef SINGLEFLIGHT_SERVER_APP_APP_H_
#define SINGLEFLIGHT_SERVER_APP_APP_H_

#include <utility>

#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/admin/admin_http.h"
#include "server/admin/grpc_server.h"
#include "server/admin/rights.h"
#include "server/app/access_logs.h"
#include "server/app/doors.h"
#include "server/app/drain.h"
#include "server/app/events.h"
#include "server/app/ledgers.h"
#include "server/app/log.h"
#include "server/app/own_listeners.h"
#include "server/app/pages.h"
#include "server/app/reloader.h"
#include "server/app/route_rules.h"
#include "server/app/schemas.h"
#include "server/app/signals.h"
#include "server/app/snapshot.h"
#include "server/app/steering.h"
#include "server/app/supervision.h"
#include "server/app/tracing.h"
#include "server/app/upstreams.h"
#include "server/app/workers.h"
#include "server/config/load.h"
#include "server/host/service.h"
#include "server/model/fingerprints.h"
#include "server/model/key.h"
#include "server/model/key_digest.h"
#include "server/proxy/admission.h"

namespace singleflight::app {

// What is left to chance. Each is drawn by itself: what is public says nothing of what is secret.
struct Entropy {
  model::KeySeed keys;
  model::KeyDigests::Secret digests;
  uint64_t hop;     // names this process in the chain marker, which every backend sees
  uint64_t jitter;  // peers may learn it from when things happen
  uint64_t traces;  // for the ids of traces and spans, which everybody sees
};

class App {
 public:
  // What it takes from outside.
  struct Options {
    std::string config_path;  // read again at a reload
    Entropy entropy;
    std::function<absl::Time()> wall_clock;
    Log* log;
    Supervision::Clock clock;
    host::Service service;
  };

  // Binds every address that was not handed over. Upstreams that are not there yet are no failure.
  static absl::StatusOr<std::unique_ptr<App>> Build(const config::Loaded& loaded, Options options);
  ~App();

  // "listening on …; health on …; admin (grpc) on …; admin (http) on …", with the ports that were
  // chosen.
  std::string Announcement() const;

  // Serves until SIGTERM or SIGINT, then drains: no new connections, GOAWAY, running calls end
  // within drain_timeout. SIGHUP reloads; SIGUSR1 has the access log's file opened again. Returns
  // the exit status: 0 when all calls ended by themselves, 1 when some had to be cut off. A second
  // signal ends the process immediately, and so does what stands still at the end.
  int Run();

 private:
  App(const config::Loaded& loaded, Options options, net::HandedOver handed_over);

  // Starts what the constructor has connected.
  absl::Status Begin();

  absl::Status OpenAdmin();
  absl::Status OpenDashboard();

  // Puts a configuration in force, whole, or not at all.
  absl::Status Apply(const config::Config& next);
  void SetAdmission();
  void SetRules();
  void SetRoutes(Upstreams::List upstreams, const std::vector<const core::Route*>& before);
  void DropKept(const std::string& why);
  Schemas::Hooks SchemaHooks();

  void Admit(net::Listener::Accepted accepted, std::shared_ptr<const proxy::Entrance> entrance);
  void AwaitHangup();
  void AwaitReopening();

  // A line for people.
  std::string Status() const;
  Drain::Hooks DrainHooks();
  void EndNow(int status);
  void Stop();

  // Many members: every part of the process, each after those that it uses.

  const config::Loaded first_;
  const Options options_;
  config::Config config_;  // in force

  boost::asio::io_context control_{1};
  Signals hangups_{control_, {SIGHUP}};
  Signals reopenings_{control_, {SIGUSR1}};

  const model::KeyDigests digests_;
  AccessLogs access_logs_;
  Events events_;
  model::Fingerprints fingerprints_;
  Shared shared_;
  Ledgers ledgers_;
  std::shared_ptr<RouteSet> routes_;  // those in force
  proxy::Admission admission_;
  Tracing tracing_;
  Workers workers_;
  OwnListeners own_listeners_;
  Upstreams upstreams_;
  Schemas schemas_;
  std::vector<RouteRules> rules_;  // of the routes of the configuration in force
  Doors doors_;
  Reloader reloader_;
  Drain drain_;
  Supervision supervision_;
  Pages pages_;
  Steering steering_;
  admin::Rights rights_;
  std::unique_ptr<admin::GrpcServer> admin_;     // null: nowhere
  std::unique_ptr<admin::AdminHttp> dashboard_;  // likewise
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_APP_H_
