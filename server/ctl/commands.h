// What singleflightctl understands: one table, which its parser, its help and its completion read.
// The man page and the documents are compared with it by tests.

#ifndef SINGLEFLIGHT_SERVER_CTL_COMMANDS_H_
#define SINGLEFLIGHT_SERVER_CTL_COMMANDS_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace singleflight::ctl {

struct Option {
  absl::string_view name;          // "--by"
  absl::string_view value;         // what help calls its value; "FILE": a file; empty: it has none
  absl::string_view about;         // a few words
  absl::string_view choices = "";  // the only values, with spaces between them; empty: any
};

struct Command {
  absl::string_view name;
  absl::string_view operand;  // what help calls it; empty: it has none
  absl::string_view choices;  // as those of an option
  absl::string_view about;    // a few words
  absl::Span<const Option> options;
  absl::string_view details;  // for its own help: lines of at most 80 columns
};

// In the order in which help lists them: those that ask, those that change something, the rest.
absl::Span<const Command> Commands();

// What every command takes, before or behind its name.
absl::Span<const Option> CommonOptions();

// nullptr: there is none of this name.
const Command* FindCommand(absl::string_view name);
const Option* FindOption(absl::Span<const Option> options, absl::string_view name);

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_SERVER_CTL_COMMANDS_H_
