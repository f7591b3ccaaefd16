// Finds the bracket or quote that was never closed. The YAML parser gives up far behind it.

#include "server/config/open_bracket.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace singleflight::config {
namespace {

// Walks through a text, and understands no more of it than brackets, quotes and comments.
class Brackets {
 public:
  explicit Brackets(absl::string_view text) : text_(text) {}

  absl::optional<OpenBracket> FirstOpen() {
    for (; at_ < text_.size(); Step()) {
      const char c = text_[at_];
      if (c == '#' && AfterSpace()) {
        SkipComment();
      } else if ((c == '"' || c == '\'') && AtBeginning()) {
        const OpenBracket quote{Here(), c, 0, {}};
        if (!SkipQuoted(c)) return quote;
      } else if ((c == '{' || c == '[') && (AtBeginning() || !open_.empty())) {
        open_.push_back({Here(), c, 0, {}});
      } else if ((c == '}' || c == ']') && !open_.empty()) {
        if (c != (open_.back().opened == '{' ? '}' : ']')) return ClosedBy(c);
        open_.pop_back();
      }
    }
    if (open_.empty()) return absl::nullopt;
    return open_.back();
  }

 private:
  Place Here() const { return {line_, static_cast<int>(at_ - line_begin_) + 1, ""}; }

  OpenBracket ClosedBy(char c) const {
    OpenBracket open = open_.back();
    open.closed_by = c;
    open.closed_here = Here();
    return open;
  }

  void Step() {
    if (text_[at_++] != '\n') return;
    ++line_;
    line_begin_ = at_;
  }

  bool AfterSpace() const { return at_ == 0 || absl::StrContains(" \t\n", text_[at_ - 1]); }

  // Whether a value may begin here: behind the start of a line, a comma, a colon, a dash or a
  // bracket.
  bool AtBeginning() const {
    const size_t before =
        at_ == 0 ? absl::string_view::npos : text_.find_last_not_of(" \t", at_ - 1);
    return before == absl::string_view::npos || absl::StrContains("\n,:-{[?", text_[before]);
  }

  void SkipComment() {
    while (at_ + 1 < text_.size() && text_[at_ + 1] != '\n') Step();
  }

  // Goes to the closing quote. False: there is none.
  bool SkipQuoted(char quote) {
    Step();
    for (; at_ < text_.size(); Step()) {
      if (text_[at_] == quote) return true;
      if (text_[at_] == '\\' && quote == '"' && at_ + 1 < text_.size()) Step();
    }
    return false;
  }

  const absl::string_view text_;
  size_t at_ = 0;
  size_t line_begin_ = 0;
  int line_ = 1;
  std::vector<OpenBracket> open_;
};

}  // namespace

absl::optional<OpenBracket> FindOpenBracket(absl::string_view text) {
  return Brackets(text).FirstOpen();
}

absl::optional<Place> FindTabBefore(absl::string_view text, int line) {
  absl::optional<Place> found;
  int number = 0;
  for (const absl::string_view each : absl::StrSplit(text, '\n')) {
    if (++number > line) break;
    const absl::string_view indentation = each.substr(0, each.find_first_not_of(" \t-"));
    const size_t tab = indentation.find('\t');
    if (tab == absl::string_view::npos || indentation.size() == each.size()) continue;
    found = Place{number, static_cast<int>(tab) + 1, ""};
  }
  return found;
}

}  // namespace singleflight::config
