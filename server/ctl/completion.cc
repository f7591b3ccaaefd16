// The scripts are small programs with lists in them; the lists are made here.

#include "server/ctl/completion.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "server/ctl/commands.h"

namespace singleflight::ctl {
namespace {

constexpr absl::string_view kBash =
    R"(# bash completion for singleflightctl; made by `singleflightctl completion bash`
_singleflightctl() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command='' words='' skip='' word
  COMPREPLY=()
  # The value of an option.
  case $previous in
@VALUES@  esac
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [ -n "$skip" ]; then skip=''; continue; fi
    case $word in
      @VALUED@) skip=1 ;;
      -*) ;;
      *) command=$word; break ;;
    esac
  done
  case $command in
    '') words='@COMMANDS@' ;;
@OPERANDS@  esac
  case $current in
    -*) words='@COMMON@'
      case $command in
@OPTIONS@      esac ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _singleflightctl singleflightctl
)";

constexpr absl::string_view kZsh = R"(#compdef singleflightctl
# zsh completion for singleflightctl; made by `singleflightctl completion zsh`
_singleflightctl() {
  local context state state_descr line
  typeset -A opt_args
  local -a common commands
  common=(
@COMMON@  )
  commands=(
@COMMANDS@  )
  _arguments -C $common '1:command:->command' '*::argument:->argument' && return
  case $state in
    command) _describe command commands ;;
    argument)
      case $words[1] in
@OPTIONS@      esac ;;
  esac
}
if [ "$funcstack[1]" = _singleflightctl ]; then
  _singleflightctl "$@"
else
  compdef _singleflightctl singleflightctl
fi
)";

bool IsFile(const Option& option) { return option.value == "FILE"; }

std::string Names(absl::Span<const Option> options) {
  return absl::StrJoin(options, " ", [](std::string* text, const Option& option) {
    absl::StrAppend(text, option.name);
  });
}

// Every option that there is, once.
std::vector<Option> AllOptions() {
  std::vector<Option> all(CommonOptions().begin(), CommonOptions().end());
  for (const Command& command : Commands()) {
    for (const Option& option : command.options) {
      if (FindOption(all, option.name) == nullptr) all.push_back(option);
    }
  }
  return all;
}

std::string Valued() {
  std::vector<std::string> names;
  for (const Option& option : AllOptions()) {
    if (!option.value.empty()) names.push_back(absl::StrCat(option.name));
  }
  return absl::StrJoin(names, "|");
}

std::string CommandNames() {
  return absl::StrJoin(Commands(), " ", [](std::string* text, const Command& command) {
    absl::StrAppend(text, command.name);
  });
}

constexpr absl::string_view kBashFiles =
    "mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); compopt -o filenames 2>/dev/null; "
    "return ;;\n";

// Of an option's values files are known, or words, or nothing.
std::string BashValues() {
  std::vector<std::string> files;
  std::string text;
  for (const Option& option : AllOptions()) {
    if (IsFile(option)) files.push_back(absl::StrCat(option.name));
    if (option.choices.empty()) continue;
    absl::StrAppend(&text, "    ", option.name, ") mapfile -t COMPREPLY < <(compgen -W '",
                    option.choices, "' -- \"$current\"); return ;;\n");
  }
  return absl::StrCat("    ", absl::StrJoin(files, "|"), ") ", kBashFiles, text, "    ", Valued(),
                      ") return ;;\n");
}

std::string BashOperands() {
  std::string text;
  for (const Command& command : Commands()) {
    if (command.operand == "COMMAND") {
      absl::StrAppend(&text, "    ", command.name, ") words='", CommandNames(), "' ;;\n");
    } else if (command.operand == "FILE") {
      absl::StrAppend(&text, "    ", command.name, ") [[ $current == -* ]] || { ",
                      absl::StrReplaceAll(kBashFiles, {{" ;;", "; } ;;"}}));
    } else if (!command.operand.empty()) {
      absl::StrAppend(&text, "    ", command.name, ") words='", command.choices, "' ;;\n");
    }
  }
  return text;
}

std::string BashOptions() {
  std::string text;
  for (const Command& command : Commands()) {
    if (command.options.empty()) continue;
    absl::StrAppend(&text, "        ", command.name, ") words+=' ", Names(command.options),
                    "' ;;\n");
  }
  return text;
}

// What stands in single quotes and in the brackets and columns of _arguments.
std::string Zsh(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"'", "'\\''"}, {":", "\\:"}, {"[", "\\["}, {"]", "\\]"}});
}

// What may stand for a value: files, these words, or anything.
std::string ZshValue(absl::string_view name, absl::string_view choices) {
  if (name == "FILE") return ":file:_files";
  return absl::StrCat(":", name, ":", choices.empty() ? "" : absl::StrCat("(", choices, ")"));
}

std::string ZshOption(const Option& option) {
  const bool valued = !option.value.empty();
  return absl::StrCat("'", option.name, valued ? "=" : "", "[", Zsh(option.about), "]",
                      valued ? ZshValue(option.value, option.choices) : "", "'");
}

std::string ZshCommands() {
  std::string text;
  for (const Command& command : Commands()) {
    absl::StrAppend(&text, "    '", command.name, ":", Zsh(command.about), "'\n");
  }
  return text;
}

std::string ZshOptions() {
  std::string text;
  for (const Command& command : Commands()) {
    absl::StrAppend(&text, "        ", command.name, ") _arguments $common");
    for (const Option& option : command.options) absl::StrAppend(&text, " ", ZshOption(option));
    const std::string choices =
        command.operand == "COMMAND" ? CommandNames() : absl::StrCat(command.choices);
    if (!command.operand.empty()) {
      absl::StrAppend(&text, " '1", ZshValue(command.operand, choices), "'");
    }
    absl::StrAppend(&text, " ;;\n");
  }
  return text;
}

std::string ZshCommon() {
  std::string text;
  for (const Option& option : CommonOptions()) {
    absl::StrAppend(&text, "    ", ZshOption(option), "\n");
  }
  return text;
}

}  // namespace

std::string BashCompletion() {
  return absl::StrReplaceAll(kBash, {{"@VALUES@", BashValues()},
                                     {"@VALUED@", Valued()},
                                     {"@COMMANDS@", CommandNames()},
                                     {"@OPERANDS@", BashOperands()},
                                     {"@COMMON@", Names(CommonOptions())},
                                     {"@OPTIONS@", BashOptions()}});
}

std::string ZshCompletion() {
  return absl::StrReplaceAll(
      kZsh,
      {{"@COMMON@", ZshCommon()}, {"@COMMANDS@", ZshCommands()}, {"@OPTIONS@", ZshOptions()}});
}

}  // namespace singleflight::ctl
