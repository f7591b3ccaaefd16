// One command that is being done: what was asked for, of whom, and where the answer goes.

#ifndef SINGLEFLIGHT_SERVER_CTL_JOB_H_
#define SINGLEFLIGHT_SERVER_CTL_JOB_H_

#include <google/protobuf/message.h>

#include <string>

#include "server/ctl/arguments.h"
#include "server/ctl/proxy.h"
#include "server/ctl/surroundings.h"
#include "server/ctl/views.h"

namespace singleflight::ctl {

struct Job {
  const Arguments& arguments;
  const Surroundings& around;
  Proxy& proxy;

  bool json() const { return arguments.Has("--json"); }
  Style style() const;

  void Print(const std::string& text) const { around.out << text << std::flush; }
  void PrintJson(const google::protobuf::Message& message) const;
};

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_SERVER_CTL_JOB_H_
