#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"

// "((name))" inside a document.
namespace slipway::director {

// One placeholder: `text` as it stands, and what it asks for. A "!" in front of the name
// (for tools that would replace it themselves) is no part of it.
struct Placeholder {
  std::string text;                  // "((!a.b))"
  std::string name;                  // "a"
  std::vector<std::string> keys;     // {"b"}: into the value, which is a hash
};

// All placeholders in values, and in keys that are nothing but one; each text once. What is
// between the brackets and could not be a name ("((1 + 2))") is left alone.
std::vector<Placeholder> find_placeholders(const Json& document);

// The document with each placeholder's text replaced by its value. One that is the whole
// text becomes the value as it is; inside longer text only text and integers can stand:
// otherwise a problem is appended.
Json replace_placeholders(const Json& document, const std::map<std::string, Json>& values, Problems& problems);

// The director's rules for names: letters, digits, "_", "-", "." and "/", no "//", no "/" at
// the end. Empty when all is well, else what is wrong.
std::string name_problem(const std::string& name);

}  // namespace slipway::director
