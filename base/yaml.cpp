#include "base/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <streambuf>
#include <unordered_map>

#include "base/yaml_scalar.hpp"

namespace slipway {

namespace {

std::string position(const YAML::Mark& mark) {
  return "line " + std::to_string(mark.line + 1) + ", column " + std::to_string(mark.column + 1);
}

[[noreturn]] void fail_at(const YAML::Mark& mark, const std::string& why) {
  throw Error(Fault::invalid, position(mark) + ": " + why);
}

// yaml-cpp 0.7 turns the escapes \N and \_ into the bare bytes 85 and A0. The document
// itself is valid UTF-8, so a stray continuation byte can come from nowhere else.
std::string repaired(std::string text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x80 && c < 0xC0) text.insert(i++, 1, '\xC2');
    i += c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
  }
  return text;
}

// How much a value is, with everything its aliases stand for.
struct Weight {
  std::size_t nodes = 1;
  std::size_t text_bytes = 0;
  int depth = 0;
};

// Builds the value while the parser reads, so that a limit stops a hostile document
// before it costs memory.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(const YamlLimits& limits) : limits_(limits), max_text_bytes_(limits.max_bytes * 4) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (wants_key()) fail_at(mark, "a key is missing or null");
    place(mark, anchor, nullptr, {});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchored_.find(anchor);
    if (found == anchored_.end()) fail_at(mark, "an alias refers to itself");
    charge(mark, found->second.weight);
    if (wants_key()) {
      if (!found->second.value.is_string()) fail_at(mark, "a key must be text");
      set_key(mark, found->second.value.get<std::string>());
    } else {
      place(mark, 0, found->second.value, found->second.weight);
    }
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& raw) override {
    const auto text = repaired(raw);
    const Weight weight{1, text.size(), 0};
    charge(mark, weight);
    if (wants_key()) {
      if (anchor != 0) remember(mark, anchor, text, weight);
      frames_.back().merging = text == "<<" && tag == "?";
      set_key(mark, text);
    } else {
      place(mark, anchor, typed(mark, tag, text), weight);
    }
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(mark, tag, anchor, Json::array());
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(mark, tag, anchor, Json::object());
  }
  void OnMapEnd() override { end(); }

  Json take() { return std::move(root_); }
  const Problems& problems() const { return problems_; }

 private:
  struct Frame {
    Json value;
    YAML::Mark mark;
    YAML::anchor_t anchor;
    Weight weight;
    std::string key;
    bool has_key = false;
    bool merging = false;
    std::vector<Json> merges;
  };
  struct Anchored {
    Json value;
    Weight weight;
  };

  bool wants_key() const { return !frames_.empty() && frames_.back().value.is_object() && !frames_.back().has_key; }

  void charge(const YAML::Mark& mark, const Weight& weight) {
    nodes_ += weight.nodes;
    text_bytes_ += weight.text_bytes;
    if (nodes_ > limits_.max_nodes || text_bytes_ > max_text_bytes_) {
      fail_at(mark, "too large with its aliases expanded (limit: " + std::to_string(limits_.max_nodes) + " values, " +
                        std::to_string(max_text_bytes_) + " bytes of text)");
    }
    if (static_cast<int>(frames_.size()) + weight.depth > limits_.max_depth) {
      fail_at(mark, "nested deeper than " + std::to_string(limits_.max_depth));
    }
  }

  static Json typed(const YAML::Mark& mark, const std::string& tag, const std::string& text) {
    if (tag == "?" || tag.empty()) return yaml::resolve_plain(text);
    if (tag == "!" || tag == "tag:yaml.org,2002:str" || tag == "tag:yaml.org,2002:timestamp") return text;
    auto value = yaml::resolve_plain(text);
    const bool fits = (tag == "tag:yaml.org,2002:int" && value.is_number_integer()) ||
                      (tag == "tag:yaml.org,2002:float" && value.is_number()) ||
                      (tag == "tag:yaml.org,2002:bool" && value.is_boolean()) ||
                      (tag == "tag:yaml.org,2002:null" && value.is_null());
    if (!fits) fail_at(mark, "the tag is unknown or does not fit the value");
    if (tag.ends_with(":float")) return value.get<double>();
    return value;
  }

  void begin(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Json value) {
    if (wants_key()) fail_at(mark, "a key must be text");
    const auto own = value.is_object() ? "tag:yaml.org,2002:map" : "tag:yaml.org,2002:seq";
    if (!tag.empty() && tag != "?" && tag != "!" && tag != own) fail_at(mark, "the tag is not supported");
    charge(mark, {1, 0, 1});
    frames_.push_back({std::move(value), mark, anchor, {1, 0, 1}, {}, false, false, {}});
  }

  void end() {
    auto frame = std::move(frames_.back());
    frames_.pop_back();
    for (auto& merged : frame.merges) {
      for (auto& [key, value] : merged.items()) frame.value.emplace(key, std::move(value));
    }
    place(frame.mark, frame.anchor, std::move(frame.value), frame.weight);
  }

  void set_key(const YAML::Mark& mark, std::string key) {
    auto& frame = frames_.back();
    if (frame.value.contains(key) && !frame.merging && problems_.items().size() < 100) {
      problems_.add(position(mark), "the key \"" + key.substr(0, 128) + "\" stands here twice");
    }
    frame.weight.text_bytes += key.size();
    ++frame.weight.nodes;
    frame.key = std::move(key);
    frame.has_key = true;
  }

  void remember(const YAML::Mark& mark, YAML::anchor_t anchor, const Json& value, const Weight& weight) {
    // Each anchor keeps a copy: nested anchors must not multiply a document.
    charge(mark, {weight.nodes, weight.text_bytes, 0});
    anchored_[anchor] = {value, weight};
  }

  void place(const YAML::Mark& mark, YAML::anchor_t anchor, Json value, const Weight& weight) {
    if (anchor != 0) remember(mark, anchor, value, weight);
    if (frames_.empty()) {
      root_ = std::move(value);
      return;
    }
    auto& frame = frames_.back();
    frame.weight.nodes += weight.nodes;
    frame.weight.text_bytes += weight.text_bytes;
    frame.weight.depth = std::max(frame.weight.depth, weight.depth + 1);
    if (frame.value.is_array()) {
      frame.value.push_back(std::move(value));
    } else if (frame.merging) {
      merge(mark, std::move(value));
    } else {
      frame.value[frame.key] = std::move(value);
    }
    frame.has_key = frame.merging = false;
  }

  // Keys of the mapping itself win; of several merged mappings the earlier wins.
  void merge(const YAML::Mark& mark, Json value) {
    auto list = value.is_array() ? std::move(value) : Json::array({std::move(value)});
    for (auto& item : list) {
      if (!item.is_object()) fail_at(mark, "\"<<\" takes a mapping or a list of mappings");
      frames_.back().merges.push_back(std::move(item));
    }
  }

  const YamlLimits& limits_;
  const std::size_t max_text_bytes_;
  std::size_t nodes_ = 0;
  std::size_t text_bytes_ = 0;
  std::vector<Frame> frames_;
  std::unordered_map<YAML::anchor_t, Anchored> anchored_;
  Json root_;
  Problems problems_;
};

// A stream over bytes somebody else holds.
class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    auto* begin = const_cast<char*>(text.data());  // only read: the get area has no const form
    setg(begin, begin, begin + text.size());
  }
};

// What YAML allows in a document at all. The parser itself would take some of these
// bytes for the end of the input.
void require_printable(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
      const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(i), '\n');
      throw Error(Fault::invalid, "line " + std::to_string(line) + ": a control character is not allowed");
    }
  }
  try {
    (void)Json(text).dump();
  } catch (const Json::exception&) {
    throw Error(Fault::invalid, "not UTF-8");
  }
}

Json read_document(std::string_view text, const YamlLimits& limits, Problems& problems) {
  ViewBuffer buffer(text);
  std::istream stream(&buffer);
  YAML::Parser parser(stream);
  Builder builder(limits);
  if (!parser.HandleNextDocument(builder)) return nullptr;
  problems.append(builder.problems());
  auto value = builder.take();
  Builder second(limits);
  if (parser.HandleNextDocument(second)) throw Error(Fault::invalid, "more than one document");
  return value;
}

}  // namespace

Json parse_yaml(std::string_view text, std::string_view source, YamlLimits limits) {
  Problems problems;
  Json value;
  try {
    if (text.size() > limits.max_bytes) {
      throw Error(Fault::invalid, "larger than " + std::to_string(limits.max_bytes) + " bytes");
    }
    require_printable(text);
    value = read_document(text, limits, problems);
  } catch (const YAML::Exception& error) {
    throw Error(Fault::invalid, std::string(source) + ": " + position(error.mark) + ": " + error.msg);
  } catch (const Error& error) {
    throw error.within(source);
  }
  problems.throw_if_any(source);
  return value;
}

}  // namespace slipway
