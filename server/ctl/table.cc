// A table that is too wide gives way in this order: long cells are cut down to a comfortable width;
// spare columns go; cells are cut down to the least width; columns go from the right. The first one
// stays.

#include "server/ctl/table.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/optional.h"

namespace singleflight::ctl {
namespace {

using Widths = std::vector<size_t>;  // by column; kHidden: it is left out

constexpr size_t kHidden = 0;
constexpr size_t kComfortable = 24;
constexpr size_t kLeast = 6;
constexpr size_t kGap = 2;
constexpr absl::string_view kEllipsis = "…";

bool BeginsCharacter(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

// Where the character number `n` begins, or the end.
size_t Offset(absl::string_view text, size_t n) {
  size_t at = 0;
  for (; at < text.size(); ++at) {
    if (BeginsCharacter(text[at]) && n-- == 0) break;
  }
  return at;
}

bool MayBeCut(Column::Kind kind) {
  return kind == Column::Kind::kText || kind == Column::Kind::kName;
}

std::string Cut(absl::string_view text, Column::Kind kind, size_t width) {
  const size_t have = WidthOf(text);
  if (have <= width || !MayBeCut(kind)) return std::string(text);
  if (kind == Column::Kind::kName) {
    return absl::StrCat(kEllipsis, text.substr(Offset(text, have - width + 1)));
  }
  return absl::StrCat(absl::StripTrailingAsciiWhitespace(text.substr(0, Offset(text, width - 1))),
                      kEllipsis);
}

absl::string_view Escape(Tone tone) {
  switch (tone) {
    case Tone::kPlain:
      return "";
    case Tone::kTitle:
      return "\033[1m";
    case Tone::kGood:
      return "\033[32m";
    case Tone::kWarning:
      return "\033[33m";
    case Tone::kBad:
      return "\033[31m";
  }
  return "";
}

std::string Toned(const std::string& text, Tone tone, const Paper& paper) {
  if (!paper.colours || tone == Tone::kPlain || text.empty()) return text;
  return absl::StrCat(Escape(tone), text, "\033[0m");
}

Widths NaturalWidths(const Table& table) {
  Widths widths;
  for (const Column& column : table.columns) widths.push_back(WidthOf(column.title));
  for (const auto& row : table.rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], WidthOf(row[i].text));
    }
  }
  return widths;
}

size_t Total(const Widths& widths) {
  size_t total = 0;
  for (size_t width : widths) {
    if (width != kHidden) total += width + (total > 0 ? kGap : 0);
  }
  return total;
}

// The widest column that may be cut further; nothing: none may.
absl::optional<size_t> Widest(const std::vector<Column>& columns, const Widths& widths,
                              size_t least) {
  absl::optional<size_t> widest;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (!MayBeCut(columns[i].kind) || widths[i] <= least) continue;
    if (!widest || widths[i] > widths[*widest]) widest = i;
  }
  return widest;
}

// Nothing: it does not fit.
absl::optional<Widths> Shrunk(const std::vector<Column>& columns, Widths widths, size_t least,
                              size_t room) {
  while (Total(widths) > room) {
    const absl::optional<size_t> widest = Widest(columns, widths, least);
    if (!widest) return absl::nullopt;
    --widths[*widest];
  }
  return widths;
}

Widths Fit(const std::vector<Column>& columns, Widths widths, size_t room) {
  for (size_t i = columns.size(); i-- > 1;) {
    if (!columns[i].spare) continue;
    if (const auto fit = Shrunk(columns, widths, kComfortable, room)) return *fit;
    widths[i] = kHidden;
  }
  for (size_t i = columns.size(); i-- > 1;) {
    if (const auto fit = Shrunk(columns, widths, kLeast, room)) return *fit;
    widths[i] = kHidden;
  }
  widths[0] = std::min(widths[0], room);
  return widths;
}

std::string Line(const Table& table, const std::vector<Cell>& cells, const Widths& widths,
                 const Paper& paper) {
  std::string line;
  size_t owed = 0;  // spaces before the next cell, so that none stand at the end
  for (size_t i = 0; i < cells.size(); ++i) {
    if (widths[i] == kHidden) continue;
    const Column::Kind kind = table.columns[i].kind;
    const std::string text = Cut(cells[i].text, kind, widths[i]);
    const size_t room = widths[i] - std::min(widths[i], WidthOf(text));
    const bool right = kind == Column::Kind::kNumber;
    if (!text.empty()) {
      line.append(owed + (right ? room : 0), ' ');
      absl::StrAppend(&line, Toned(text, cells[i].tone, paper));
      owed = right ? 0 : room;
    } else {
      owed += widths[i];
    }
    owed += kGap;
  }
  return line + "\n";
}

// No cell holds what a terminal obeys.
Table Cleaned(Table table) {
  for (auto& row : table.rows) {
    for (Cell& cell : row) cell.text = Harmless(cell.text);
  }
  return table;
}

// Words in lines of at most `width`; 0: one line. A line break stays one.
std::vector<std::string> Wrapped(const std::string& text, size_t width) {
  std::vector<std::string> lines;
  for (const absl::string_view part : absl::StrSplit(text, '\n')) {
    lines.emplace_back();
    for (const absl::string_view word : absl::StrSplit(part, ' ', absl::SkipEmpty())) {
      const size_t have = WidthOf(lines.back());
      if (width > 0 && have > 0 && have + 1 + WidthOf(word) > width) lines.emplace_back();
      absl::StrAppend(&lines.back(), lines.back().empty() ? "" : " ", Harmless(word));
    }
  }
  return lines;
}

}  // namespace

std::string Lay(const Table& given, const Paper& paper) {
  const Table table = Cleaned(given);
  Widths widths = NaturalWidths(table);
  if (paper.width > 0) widths = Fit(table.columns, std::move(widths), paper.width);
  std::vector<Cell> titles;
  for (const Column& column : table.columns) titles.emplace_back(column.title, Tone::kTitle);
  std::string text = Line(table, titles, widths, paper);
  for (const auto& row : table.rows) absl::StrAppend(&text, Line(table, row, widths, paper));
  return text;
}

std::string LayFacts(const std::vector<std::pair<std::string, Cell>>& facts, const Paper& paper) {
  size_t names = 0;
  for (const auto& [name, cell] : facts) names = std::max(names, WidthOf(name));
  const size_t indent = names + kGap;
  const size_t room = paper.width > indent ? paper.width - indent : paper.width;
  std::string text;
  for (const auto& [name, cell] : facts) {
    std::string before =
        Toned(name, Tone::kTitle, paper) + std::string(indent - WidthOf(name), ' ');
    for (const std::string& line : Wrapped(cell.text, room)) {
      absl::StrAppend(&text, before, Toned(line, cell.tone, paper), "\n");
      before = std::string(indent, ' ');
    }
  }
  return text;
}

size_t WidthOf(absl::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), BeginsCharacter));
}

std::string Harmless(absl::string_view text) {
  std::string shown;
  for (size_t i = 0; i < text.size(); ++i) {
    // U+0080 to U+009F are control characters too.
    const bool c1 = text[i] == '\xC2' && i + 1 < text.size() && text[i + 1] < '\xA0';
    if (c1) ++i;
    shown.push_back(c1 || absl::ascii_iscntrl(text[i]) ? '?' : text[i]);
  }
  return shown;
}

}  // namespace singleflight::ctl
