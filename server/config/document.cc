// Parses YAML, and says in plain words what the parser says tersely or in the wrong place.

#include "server/config/document.h"

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>

#include <exception>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/config/open_bracket.h"

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

// What to do about the parser's terser messages.
absl::string_view SyntaxCure(absl::string_view message) {
  if (absl::StrContains(message, "flow")) {
    return "; close each \"{\" and \"[\", and quote a value with \"${…}\" that stands inside them";
  }
  if (absl::StrContains(message, "map value")) return "; put a value that holds \": \" in quotes";
  if (absl::StrContains(message, "end of map not found")) {
    return "; the options of one section begin in the same column";
  }
  if (absl::StrContains(message, "referenced anchor")) {
    return "; define \"&name\" before \"*name\", and quote a value that begins with \"*\"";
  }
  return "";
}

// For "{", "[" or a quote that nothing closes. The parser names the place where it gave up.
bool RefuseOpenBracket(absl::string_view text, Problems& problems) {
  const absl::optional<OpenBracket> open = FindOpenBracket(text);
  if (!open.has_value()) return false;
  const std::string opened(1, open->opened);
  if (open->closed_by != 0) {
    problems.Refuse(open->place,
                    absl::StrCat("this is not YAML: what \"", opened, "\" opens here, \"",
                                 std::string(1, open->closed_by), "\" closes in line ",
                                 open->closed_here.line, ", column ", open->closed_here.column));
  } else if (opened == "\"" || opened == "'") {
    problems.Refuse(open->place, "this is not YAML: the quote that opens here is not closed");
  } else {
    problems.Refuse(open->place, absl::StrCat("this is not YAML: what \"", opened,
                                              "\" opens here is not closed"));
  }
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
    return problems.Refuse(*tab, "this is not YAML: a tab indents here; YAML wants spaces");
  }
  problems.Refuse(place, absl::StrCat("this is not YAML: ", absl::CHexEscape(error.msg),
                                      SyntaxCure(error.msg)));
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
    problems.Refuse(At(starts[1]),
                    stuck ? "this is not YAML: nothing begins like this"
                          : "a second document begins here; keep one, remove the \"---\"");
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
