// The schemas of the upstreams in force: read from files, or asked of the upstreams themselves,
// again and again. An upstream that does not answer is no failure of anything: what needs its
// schema waits, or goes on by the one that is there.
//
//   asked     when it is new; when its `refresh` is over; when it serves again after it did not;
//             and after a failure with pauses from a second to half a minute
//   taken     what it answered is a schema, and another than the one in force: on_change
//   unchanged the same schema: nobody hears of it
//   failed    counted by reason; what was in force goes on
//
// Threads: the control thread's. Each question has a thread of its own (stub::Reflection), where
// its answer is read too. Stop, and a reload that replaces an upstream, wait for none of them.
// Time: in ticks of its own timer; the wall clock is only shown.

#ifndef SINGLEFLIGHT_SERVER_APP_SCHEMAS_H_
#define SINGLEFLIGHT_SERVER_APP_SCHEMAS_H_

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/app/events.h"
#include "server/config/config.h"
#include "server/metrics/by_reason.h"
#include "server/metrics/visitor.h"
#include "server/schema/schema.h"
#include "server/stub/reflection.h"
#include "singleflight/admin/v1/admin.pb.h"

namespace singleflight::app {

class Schemas {
 public:
  struct Hooks {
    std::function<bool(const std::string& upstream)> serves;  // whether a call can go there
    std::function<bool()> has_room;   // whether keys may be made by the rules of one more schema
    std::function<void()> on_change;  // another schema is in force
  };

  struct Pace {
    std::chrono::milliseconds tick{1000};
    absl::Duration answer = absl::Seconds(5);  // that an endpoint has to say all
    uint32_t longest_pause = 30;               // in ticks, after a failure
  };

  Schemas(boost::asio::io_context& control, std::function<absl::Time()> wall_clock, Events& events,
          Hooks hooks, Pace pace);
  ~Schemas();

  struct Source;
  using List = std::vector<std::shared_ptr<Source>>;

  // What is there already for the same upstream and the same options, and the rest made ready;
  // files are read. Nothing is in force yet.
  absl::StatusOr<List> Prepare(const config::Config& config);

  // `list` is in force from now on. Does not call on_change.
  void Adopt(List list);

  // Nobody is asked any more.
  void Stop();

  // Null: the upstream has none, or none yet.
  std::shared_ptr<const schema::Schema> Of(const std::string& upstream) const;

  void Show(metrics::Visitor& visitor) const;
  void Describe(const std::string& name, admin::v1::Upstream& upstream) const;

  // A line for each upstream that has one, for people.
  std::string Status() const;

 private:
  struct Counts {
    uint64_t refreshes = 0;
    metrics::CountersBy<stub::ReflectionFailure> failures;
  };

  struct Answer {
    std::shared_ptr<const schema::Schema> schema;
    absl::optional<stub::ReflectionFailure> failure;
    std::string why;
  };

  std::shared_ptr<Source> Known(const upstream::UpstreamOptions& upstream,
                                const schema::Options& options) const;
  absl::Status ReadFile(Source& source) const;
  void AwaitTick();
  void Tick();
  void AskThoseDue();
  void Ask(const std::shared_ptr<Source>& source);
  static Answer Read(stub::Reflection::Answer answer);
  void OnAnswer(Source& source, Answer answer);
  void Take(Source& source, std::shared_ptr<const schema::Schema> schema);
  void Fail(Source& source, stub::ReflectionFailure failure, const std::string& why);
  uint64_t TicksOf(absl::Duration time) const;

  boost::asio::io_context& control_;
  const std::function<absl::Time()> wall_clock_;
  Events& events_;
  const Hooks hooks_;
  const Pace pace_;
  boost::asio::steady_timer timer_;
  bool ticking_ = false;
  List in_force_;
  std::map<std::string, Counts> counts_;  // by upstream
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_SCHEMAS_H_
