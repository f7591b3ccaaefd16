// Parses YAML, and says in plain words what the parser says tersely or in the wrong place.

#include "server/config/document.h"

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <exception>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/config/open_bracket.h"
#include "server/config/text.h"

namespace singleflight::config {
namespace {

// Notes where documents begin.
class DocumentStarts : public YAML::EventHandler {
 public:
  const std::vector<YAML::Mark>& marks() const { return marks_; }

  void OnDocumentStart(const YAML::Mark& mark) override { marks_.push_back(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  std::vector<YAML::Mark> marks_;
};

Place At(const YAML::Mark& mark) {
  if (mark.is_null()) return Place();
  return {mark.line + 1, mark.column + 1, ""};
}

// What the parser says, what that means here, and what would be right.
struct Phrase {
  absl::string_view says;  // the beginning of its message
  absl::string_view means;
  absl::string_view cure;
};

constexpr absl::string_view kInQuotes = "put the value in quotes";
constexpr absl::string_view kSameColumn = "the options of one section begin in the same column";
constexpr absl::string_view kCloseAll =
    "close each \"{\" and \"[\", and quote a value with \"${…}\" that stands inside them";
constexpr absl::string_view kEscapes =
    "write \"\\\\\" for a backslash, or put the value in single quotes";

constexpr Phrase kPhrases[] = {
    {"illegal map value", "\":\" stands where no value can begin",
     "put a value that holds \": \" in quotes, and begin the options of one section in the same "
     "column"},
    {"illegal map key", "the name of an option cannot stand here", kSameColumn},
    {"end of map not found", "this belongs to nothing above it", kSameColumn},
    {"end of sequence not found", "this belongs to nothing above it",
     "the entries of one list begin with \"- \" in the same column"},
    {"end of map flow not found", "\",\" or \"}\" is missing before this", kCloseAll},
    {"end of sequence flow not found", "\",\" or \"]\" is missing before this", kCloseAll},
    {"illegal flow end", "this closes nothing that is open", kCloseAll},
    {"illegal block entry", "\"- \" cannot stand here",
     "begin each entry of a list on a line of its own, all in the same column"},
    {"the referenced anchor is not defined", "no \"&name\" above defines this",
     "define \"&name\" before \"*name\", and quote a value that begins with \"*\""},
    {"alias not found after *", "no name stands behind \"*\"",
     "write \"*name\", or put a value that begins with \"*\" in quotes"},
    {"anchor not found after &", "no name stands behind \"&\"",
     "write \"&name\", or put a value that begins with \"&\" in quotes"},
    {"illegal character found while scanning a",
     "no such character stands in a name behind \"*\" or "
     "\"&\"",
     "use letters and digits there, or put the value in quotes"},
    {"cannot assign", "this stands twice before one value", "keep one"},
    {"aliases can't have any content", "something stands before or behind \"*name\"",
     "let \"*name\" stand alone, or put the value in quotes"},
    {"unknown token", "no value begins with this character", kInQuotes},
    {"unknown escape character", "within \"…\" this stands for nothing behind a backslash",
     kEscapes},
    {"bad character found while scanning hex", "within \"…\" no number stands behind the backslash",
     kEscapes},
    {"invalid unicode", "within \"…\" no character has this number", kEscapes},
    {"illegal document indicator in scalar", "the file goes on within a quote", "close the quote"},
    {"illegal EOF in scalar", "the file ends within a quote", "close the quote"},
    {"illegal character in scalar", "this character cannot stand here", kInQuotes},
    {"unexpected character in block scalar", "no text stands behind \"|\" or \">\" in its line",
     "begin the text in the next line, or put the value in quotes"},
    {"cannot set zero indentation", "a text cannot be indented by 0", "write \"|\" or \">\" alone"},
    {"end of verbatim tag", "a value that begins with \"!\" is a tag", kInQuotes},
    {"tag handle", "a value that begins with \"!\" is a tag", kInQuotes},
    {"illegal character found while scanning tag", "a value that begins with \"!\" is a tag",
     kInQuotes},
    {"bad YAML version", "a line that begins with \"%\" is for the parser", "remove it"},
    {"YAML ", "a line that begins with \"%\" is for the parser", "remove it"},
    {"TAG ", "a line that begins with \"%\" is for the parser", "remove it"},
    {"repeated ", "a line that begins with \"%\" is for the parser", "remove it"},
};

// In plain words where the parser's are known.
std::string InPlainWords(absl::string_view message) {
  for (const Phrase& phrase : kPhrases) {
    if (absl::StartsWith(message, phrase.says))
      return absl::StrCat(phrase.means, "; ", phrase.cure);
  }
  return absl::StrCat("the parser says: ", absl::CHexEscape(message));
}

// Of the text, as its author sees it; empty where there is no such line.
std::string LineOf(absl::string_view text, int line) {
  constexpr size_t kLongest = 80;
  for (; line > 1; --line) {
    const size_t end = text.find('\n');
    if (end == absl::string_view::npos) return "";
    text.remove_prefix(end + 1);
  }
  const std::string whole = Masked(absl::StripAsciiWhitespace(text.substr(0, text.find('\n'))));
  const bool plain = std::all_of(whole.begin(), whole.end(), absl::ascii_isprint);
  if (plain && whole.size() <= kLongest) return whole;
  return Quoted(whole);
}

void RefuseText(const Place& place, absl::string_view why, absl::string_view text,
                Problems& problems) {
  const std::string line = LineOf(text, place.line);
  problems.Refuse(place, absl::StrCat("this is not YAML: ", why,
                                      line.empty() ? "" : absl::StrCat(" (the line: ", line, ")")));
}

// For "{", "[" or a quote that nothing closes. The parser names the place where it gave up.
bool RefuseOpenBracket(absl::string_view text, Problems& problems) {
  const absl::optional<OpenBracket> open = FindOpenBracket(text);
  if (!open.has_value()) return false;
  const std::string opened(1, open->opened);
  std::string why = absl::StrCat("what \"", opened, "\" opens here is not closed");
  if (open->closed_by != 0) {
    why = absl::StrCat("what \"", opened, "\" opens here, \"", std::string(1, open->closed_by),
                       "\" closes in line ", open->closed_here.line, ", column ",
                       open->closed_here.column);
  } else if (opened == "\"" || opened == "'") {
    why = "the quote that opens here is not closed";
  }
  RefuseText(open->place, why, text, problems);
  return true;
}

void RefuseSyntax(const YAML::Exception& error, absl::string_view text, Problems& problems) {
  const Place place = At(error.mark);
  if (dynamic_cast<const YAML::DeepRecursion*>(&error) != nullptr) {
    return problems.Refuse(place, "this nests deeper than any configuration does");
  }
  const bool in_flow = absl::StrContains(error.msg, "flow");
  if (in_flow && RefuseOpenBracket(text, problems)) return;
  if (const absl::optional<Place> tab = FindTabBefore(text, place.line)) {
    return RefuseText(*tab, "a tab indents here; YAML wants spaces", text, problems);
  }
  RefuseText(place, InPlainWords(error.msg), text, problems);
}

// The first two at most, because the parser sees documents without end in a text that begins with a
// comma.
std::vector<YAML::Mark> FirstDocuments(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentStarts starts;
  while (starts.marks().size() < 2 && parser.HandleNextDocument(starts)) {
  }
  return starts.marks();
}

YAML::Node ParseOrThrow(const std::string& text, Problems& problems) {
  const YAML::Node nothing(YAML::NodeType::Undefined);
  const std::vector<YAML::Mark> starts = FirstDocuments(text);
  if (starts.size() > 1) {
    const bool stuck = starts[0].pos == starts[1].pos;
    if (stuck) {
      RefuseText(At(starts[1]), "nothing begins like this", text, problems);
    } else {
      problems.Refuse(At(starts[1]), "a second document begins here; keep one, remove the \"---\"");
    }
    return nothing;
  }
  YAML::Node root = YAML::Load(text);
  if (!root.IsNull()) return root;
  problems.Refuse(Place(),
                  "the file is empty; it needs \"listeners\", \"upstreams\" and \"routes\"");
  return nothing;
}

}  // namespace

YAML::Node ParseDocument(absl::string_view text, Problems& problems) {
  try {
    return ParseOrThrow(std::string(text), problems);
  } catch (const YAML::Exception& error) {
    RefuseSyntax(error, text, problems);
  } catch (const std::exception& error) {
    problems.Refuse(Place(), absl::StrCat("this is not YAML: ", absl::CHexEscape(error.what())));
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

}  // namespace singleflight::config
