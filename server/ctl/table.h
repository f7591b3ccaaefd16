// Lays tables out for people: columns as wide as they need to be, narrower where the terminal is.
// Pure: it knows no terminal.

#ifndef SINGLEFLIGHT_SERVER_CTL_TABLE_H_
#define SINGLEFLIGHT_SERVER_CTL_TABLE_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace singleflight::ctl {

// What is written on.
struct Paper {
  size_t width = 0;  // columns; 0: as many as it takes
  bool colours = false;
};

enum class Tone { kPlain, kTitle, kGood, kWarning, kBad };

struct Cell {
  Cell(std::string text, Tone tone = Tone::kPlain) : text(std::move(text)), tone(tone) {}  // NOLINT
  Cell(const char* text) : text(text) {}                                                   // NOLINT
  std::string text;
  Tone tone = Tone::kPlain;
};

struct Column {
  enum class Kind {
    kText,    // to the left; where it is too long, its end is cut
    kName,    // to the left; its beginning is cut, since names differ at their end
    kWord,    // to the left, and never cut
    kNumber,  // to the right, and never cut
  };
  std::string title;
  Kind kind = Kind::kText;
  bool spare = false;  // left out where the terminal is narrow, the last one first
};

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  // each with as many cells as there are columns
};

// Lines that fit `paper`. What is cut has a … there.
std::string Lay(const Table& table, const Paper& paper);

// A name and what there is to say of it, a line each; what is too long goes on below.
std::string LayFacts(const std::vector<std::pair<std::string, Cell>>& facts, const Paper& paper);

// How wide `text` is on a terminal.
size_t WidthOf(absl::string_view text);

// `text` without what a terminal would obey: control characters become ?.
std::string Harmless(absl::string_view text);

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_SERVER_CTL_TABLE_H_
