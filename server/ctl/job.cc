#include "server/ctl/job.h"

#include <google/protobuf/util/json_util.h>

namespace singleflight::ctl {

Style Job::style() const {
  const Terminal terminal = around.terminal();
  return {{terminal.columns, terminal.colours}, around.now(), around.zone};
}

void Job::PrintJson(const google::protobuf::Message& message) const {
  google::protobuf::util::JsonPrintOptions options;
#if GOOGLE_PROTOBUF_VERSION >= 5026000
  options.always_print_fields_with_no_presence = true;
#else
  options.always_print_primitive_fields = true;
#endif
  std::string text;
  // It fails for messages of type Any only, which the service has none of.
  (void)google::protobuf::util::MessageToJsonString(message, &text, options);
  Print(text + "\n");
}

}  // namespace singleflight::ctl
