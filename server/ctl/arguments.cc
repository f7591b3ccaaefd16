// The parser takes one argument after the other: an option, a command's name, its operand.

#include "server/ctl/arguments.h"

#include "absl/algorithm/container.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/config/suggest.h"

namespace singleflight::ctl {
namespace {

constexpr uint32_t kMostLimit = 1000;

std::string Text(absl::string_view text) { return std::string(text.data(), text.size()); }

template <typename... Parts>
absl::Status Wrong(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

absl::Status CheckChoice(absl::string_view what, absl::string_view value,
                         absl::string_view choices) {
  const std::vector<std::string> words = absl::StrSplit(choices, ' ', absl::SkipEmpty());
  if (words.empty() || absl::c_linear_search(words, value)) return absl::OkStatus();
  return Wrong(what, ": '", value, "' is none of ", absl::StrJoin(words, ", "));
}

class Parser {
 public:
  explicit Parser(const std::vector<std::string>& words) : words_(words) {}

  absl::StatusOr<Arguments> Parse() {
    for (; at_ < words_.size(); ++at_) {
      if (absl::Status status = Take(words_[at_]); !status.ok()) return status;
    }
    return std::move(arguments_);
  }

 private:
  absl::Status Take(const std::string& word) {
    if (word == "-h") return TakeOption("--help");
    if (word.size() > 1 && word[0] == '-') return TakeOption(word);
    return arguments_.command == nullptr ? TakeCommand(word) : TakeOperand(word);
  }

  absl::Status TakeCommand(const std::string& word) {
    arguments_.command = FindCommand(word);
    if (arguments_.command != nullptr) return absl::OkStatus();
    std::vector<std::string> known;
    for (const Command& command : Commands()) known.push_back(Text(command.name));
    return Wrong("there is no command '", word, "'", config::DidYouMean(word, known),
                 "; see singleflightctl help");
  }

  absl::Status TakeOperand(const std::string& word) {
    const Command& command = *arguments_.command;
    if (command.operand.empty() || !arguments_.operand.empty()) {
      return Wrong("'", word, "' is one word too many; see singleflightctl help ", command.name);
    }
    arguments_.operand = word;
    return CheckChoice(command.name, word, command.choices);
  }

  absl::Status TakeOption(const std::string& word) {
    const size_t end = word.find('=');
    const std::string name = word.substr(0, end);
    const Option* option = Find(name);
    if (option == nullptr) return Unknown(name);
    if (arguments_.Has(name)) return Wrong(name, " stands here twice");
    const bool has_value = end != std::string::npos;
    std::string value = has_value ? word.substr(end + 1) : "";
    if (option->value.empty() && has_value) return Wrong(name, " takes no value");
    if (!option->value.empty() && !has_value && at_ + 1 < words_.size()) value = words_[++at_];
    if (!option->value.empty() && value.empty()) {
      return Wrong(name, " needs a value: ", name, " ", option->value);
    }
    arguments_.options[name] = value;
    return CheckChoice(name, value, option->choices);
  }

  const Option* Find(const std::string& name) const {
    const Option* common = FindOption(CommonOptions(), name);
    if (common != nullptr || arguments_.command == nullptr) return common;
    return FindOption(arguments_.command->options, name);
  }

  absl::Status Unknown(const std::string& name) const {
    if (arguments_.command == nullptr) return UnknownBeforeACommand(name);
    std::vector<std::string> known;
    for (const Option& option : CommonOptions()) known.push_back(Text(option.name));
    for (const Option& option : arguments_.command->options) known.push_back(Text(option.name));
    return Wrong(arguments_.command->name, " has no option ", name, config::DidYouMean(name, known),
                 "; see singleflightctl help ", arguments_.command->name);
  }

  absl::Status UnknownBeforeACommand(const std::string& name) const {
    for (const Command& command : Commands()) {
      if (FindOption(command.options, name) == nullptr) continue;
      return Wrong(name, " stands behind its command: singleflightctl ", command.name, " ", name);
    }
    return Wrong("there is no option ", name, "; see singleflightctl help");
  }

  const std::vector<std::string>& words_;
  size_t at_ = 0;
  Arguments arguments_;
};

}  // namespace

std::string Arguments::Get(const std::string& option) const {
  const auto found = options.find(option);
  return found == options.end() ? "" : found->second;
}

absl::StatusOr<absl::Duration> Arguments::Duration(const std::string& option,
                                                   absl::Duration unless_given,
                                                   absl::Duration least,
                                                   absl::Duration most) const {
  if (!Has(option)) return unless_given;
  absl::Duration duration;
  if (!absl::ParseDuration(Get(option), &duration)) {
    return Wrong(option, ": '", Get(option), "' is not a duration; try ",
                 absl::FormatDuration(unless_given));
  }
  if (duration >= least && duration <= most) return duration;
  return Wrong(option, ": ", Get(option), " is not between ", absl::FormatDuration(least), " and ",
               absl::FormatDuration(most));
}

absl::StatusOr<uint32_t> Arguments::Limit() const {
  if (!Has("--limit")) return 0;
  uint32_t limit = 0;
  if (absl::SimpleAtoi(Get("--limit"), &limit) && limit >= 1 && limit <= kMostLimit) return limit;
  return Wrong("--limit: '", Get("--limit"), "' is not a number from 1 to ", kMostLimit);
}

absl::StatusOr<std::string> Arguments::OneOf(const std::vector<std::string>& names) const {
  std::vector<std::string> there;
  for (const std::string& name : names) {
    if (Has(name)) there.push_back(name);
  }
  if (there.size() == 1) return there[0];
  if (there.empty()) {
    return Wrong(command->name, " needs one of ", absl::StrJoin(names, ", "),
                 "; see singleflightctl help ", command->name);
  }
  return Wrong(there[0], " and ", there[1], " do not go together; give one of them");
}

absl::StatusOr<Arguments> ParseArguments(const std::vector<std::string>& arguments) {
  return Parser(arguments).Parse();
}

}  // namespace singleflight::ctl
