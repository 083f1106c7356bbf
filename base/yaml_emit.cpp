#include <cmath>
#include <cstdio>

#include "base/yaml.hpp"
#include "base/yaml_scalar.hpp"

namespace slipway {

namespace {

// YAML 1.1 counts NEL, LS and PS as line breaks and BOM as an encoding mark.
struct Escaped {
  std::string_view bytes;
  std::string_view escape;
};
constexpr Escaped special[] = {{"\xC2\x85", "\\u0085"},   {"\xE2\x80\xA8", "\\L"}, {"\xE2\x80\xA9", "\\P"},
                               {"\xEF\xBB\xBF", "\\uFEFF"}, {"\"", "\\\""},          {"\\", "\\\\"},
                               {"\n", "\\n"},               {"\t", "\\t"},           {"\r", "\\r"}};

std::string double_quoted(const std::string& text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view rest(text.data() + i, text.size() - i);
    bool done = false;
    for (const auto& [bytes, escape] : special) {
      if (rest.starts_with(bytes)) {
        out += escape;
        i += bytes.size();
        done = true;
        break;
      }
    }
    if (done) continue;
    const auto c = static_cast<unsigned char>(text[i]);
    const bool c1_control = c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (c < 0x20 || c == 0x7f || c1_control) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04X", c1_control ? static_cast<unsigned char>(text[i + 1]) : c);
      out += escape;
      i += c1_control ? 2 : 1;
    } else {
      out += text[i++];
    }
  }
  return out + '"';
}

// Text of several lines that a literal block ("|") keeps byte for byte.
bool fits_literal_block(const std::string& text) {
  if (text.find('\n') == std::string::npos || text.front() == ' ' || text.front() == '\n') return false;
  if (text.ends_with("\n\n")) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\n') || c >= 0x7f) return false;
    if (c == ' ' && (i + 1 == text.size() || text[i + 1] == '\n')) return false;
  }
  return true;
}

class Emitter {
 public:
  std::string take() { return std::move(out_); }

  void document(const Json& value) {
    if (is_filled_container(value)) {
      container(value, 0);
    } else {
      scalar(value, 0);
      out_ += '\n';
    }
  }

 private:
  static bool is_filled_container(const Json& value) { return value.is_structured() && !value.empty(); }

  // Writes at the current column, which is `indent`.
  void container(const Json& value, std::size_t indent) {
    bool first = true;
    if (value.is_object()) {
      const auto write = [&](const std::string& key, const Json& item) {
        if (!first) out_.append(indent, ' ');
        first = false;
        write_key(key, indent);
        after_key(item, indent);
      };
      const auto name = value.find("name");
      if (name != value.end()) write("name", *name);
      for (const auto& [key, item] : value.items()) {
        if (key != "name") write(key, item);
      }
    } else {
      for (const auto& item : value) {
        if (!first) out_.append(indent, ' ');
        first = false;
        out_ += "- ";
        if (is_filled_container(item)) {
          container(item, indent + 2);
        } else {
          scalar(item, indent + 2);
          out_ += '\n';
        }
      }
    }
  }

  void write_key(const std::string& raw, std::size_t indent) {
    const auto key = valid_utf8(raw);
    auto text = yaml::may_stand_plain(key) ? key : double_quoted(key);
    // Psych merges under a quoted "<<" too, but not under a tagged one.
    if (key == "<<") text = "!!str " + text;
    // Readers look 1024 characters ahead for the colon.
    if (text.size() <= 1000) {
      out_ += text + ":";
    } else {
      out_ += "? " + text + "\n";
      out_.append(indent, ' ');
      out_ += ":";
    }
  }

  void after_key(const Json& item, std::size_t indent) {
    if (is_filled_container(item)) {
      const auto inner = item.is_array() ? indent : indent + 2;
      out_ += '\n';
      out_.append(inner, ' ');
      container(item, inner);
    } else {
      out_ += ' ';
      scalar(item, indent + 2);
      out_ += '\n';
    }
  }

  void scalar(const Json& value, std::size_t indent) {
    switch (value.type()) {
      case Json::value_t::object: out_ += "{}"; break;
      case Json::value_t::array: out_ += "[]"; break;
      case Json::value_t::string: string(valid_utf8(value.get_ref<const std::string&>()), indent); break;
      case Json::value_t::number_float: out_ += number(value.get<double>()); break;
      default: out_ += dump(value);
    }
  }

  void string(const std::string& text, std::size_t indent) {
    if (yaml::may_stand_plain(text)) {
      out_ += text;
    } else if (fits_literal_block(text)) {
      const bool ends_line = text.back() == '\n';
      out_ += ends_line ? "|" : "|-";
      const std::size_t end = ends_line ? text.size() - 1 : text.size();
      for (std::size_t i = 0; i <= end;) {
        const auto stop = std::min(text.find('\n', i), end);
        out_ += '\n';
        if (stop > i) out_.append(std::max<std::size_t>(indent, 2), ' ');
        out_.append(text, i, stop - i);
        i = stop + 1;
      }
    } else {
      out_ += double_quoted(text);
    }
  }

  // YAML 1.1 wants a dot in every float, also before an exponent.
  static std::string number(double value) {
    if (std::isnan(value)) return ".nan";
    if (std::isinf(value)) return value < 0 ? "-.inf" : ".inf";
    auto text = Json(value).dump();
    const auto e = text.find('e');
    if (e != std::string::npos && text.find('.') == std::string::npos) text.insert(e, ".0");
    return text;
  }

  static std::string valid_utf8(const std::string& text) {
    for (const char c : text) {
      if (static_cast<unsigned char>(c) >= 0x80) return Json::parse(dump(Json(text))).get<std::string>();
    }
    return text;
  }

  std::string out_;
};

}  // namespace

std::string to_yaml(const Json& value) {
  Emitter emitter;
  emitter.document(value);
  return emitter.take();
}

}  // namespace slipway
