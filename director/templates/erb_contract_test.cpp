// What releases rely on, rule by rule; source: contracts/director-api.md section 5.
#include <doctest/doctest.h>

#include "base/error.hpp"
#include "director/templates/test_jobs.hpp"

using namespace slipway;
using namespace slipway::director;

namespace erb_contract_test {

namespace {

Renderer& shared() {
  static Renderer renderer({.workers = 1});
  return renderer;
}

// One of the group's two instances has properties of its own.
const Json links = {{"db",
                     {{"instances",
                       {{{"name", "db"}, {"index", 0}, {"id", "a"}, {"az", "z1"}, {"address", "a.bosh"}, {"bootstrap", true}},
                        {{"name", "db"},
                         {"index", 1},
                         {"id", "b"},
                         {"az", "z2"},
                         {"address", "b.bosh"},
                         {"bootstrap", false},
                         {"properties", {{"port", 9}}}}}},
                      {"properties", {{"port", 2379}, {"tls", {{"ca", "CA"}}}}},
                      {"address", "10.1.1.1"}}}};

std::string rendered(const std::string& erb, const Json& properties = Json::object()) {
  return render_one(shared(), erb, properties, links);
}

std::string failure(const std::string& erb, const Json& properties = Json::object()) {
  try {
    return "rendered: " + rendered(erb, properties);
  } catch (const Error& error) {
    return error.what();
  }
}

bool fails_with(const std::string& erb, const std::string& message) {
  const auto text = failure(erb);
  CAPTURE(text);
  return text.find(message) != std::string::npos;
}

}  // namespace

TEST_CASE("p without a default raises for what is missing or null, and names all that it tried") {
  CHECK(fails_with("<%= p('a.b') %>", "Can't find property 'a.b'"));
  CHECK(fails_with("<%= p(['a', 'b.c']) %>", "Can't find property 'a', or 'b.c'"));
  CHECK(failure("<%= p('null') %>", {{"null", nullptr}}).find("Can't find property 'null'") != std::string::npos);
  CHECK(fails_with("<%= p('text.deeper') %>", "Can't find property 'text.deeper'"));
}

TEST_CASE("p takes its default for several names too, and a default may be false") {
  CHECK(rendered("<%= p(['a', 'b'], 'd') %> <%= p('c', false) %>") == "d false");
}

TEST_CASE("if_p takes a false value for one that is there") {
  CHECK(rendered("<% if_p('off') do |off| %><%= off.inspect %><% end.else do %>none<% end %>", {{"off", false}}) == "false");
}

TEST_CASE("else chains go on until one branch was taken") {
  const std::string chain =
      "<% if_p('a') { %>a<% }.else_if_p('b') { %>b<% }.else_if_link('nobody') { %>n<% }.else_if_link('db') { %>db<% }"
      ".else { %>none<% } %>";
  CHECK(rendered(chain, {{"a", 1}}) == "a");
  CHECK(rendered(chain, {{"b", 1}}) == "b");
  CHECK(rendered(chain) == "db");
  CHECK(render_one(shared(), chain) == "none");
}

TEST_CASE("an instance of a link has name, index, id, az, address and bootstrap") {
  CHECK(rendered("<% l = link('db').instances[1] -%><%= [l.name, l.index, l.id, l.az, l.address, l.bootstrap].inspect %>") ==
        "[\"db\", 1, \"b\", \"z2\", \"b.bosh\", false]");
}

TEST_CASE("a link and each of its instances have properties, p and if_p") {
  CHECK(rendered("<%= link('db').properties.tls.ca %> <%= link('db').p('tls.ca') %>") == "CA CA");
  CHECK(rendered("<% link('db').if_p('port', 'tls.ca') do |port, ca| %><%= port %><%= ca %><% end %>") == "2379CA");
  CHECK(rendered("<% link('db').if_p('nope') { %>there<% }.else { %>not there<% } %>") == "not there");
  CHECK(rendered("<%= link('db').instances.map { |i| i.p('port') } %>") == "[2379, 9]");
  CHECK(rendered("<%= link('db').instances[1].properties.port %>") == "9");
  CHECK(fails_with("<%= link('db').p('nope') %>", "Can't find property 'nope'"));
}

TEST_CASE("a link that nobody provides raises with its name") {
  CHECK(fails_with("<%= link('nobody').address %>", "Can't find link 'nobody'"));
}

TEST_CASE("a manual link's address is the one it was given") {
  CHECK(rendered("<%= link('db').address %> <%= link('db').address(azs: ['z9']) %>") == "10.1.1.1 10.1.1.1");
}

TEST_CASE("properties are what the job declares, raw_properties the same as a hash, and both are in spec") {
  const Json properties = {{"a", {{"b", 1}}}};
  CHECK(rendered("<%= properties.a.b %> <%= raw_properties['a']['b'] %> <%= spec.properties.a.b %>", properties) == "1 1 1");
  CHECK(rendered("<%= spec.links.db.properties.port %> <%= spec.job.name %> <%= spec.release.name %>") == "2379 web rel");
}

TEST_CASE("trim mode is a dash and nothing else") {
  CHECK(rendered("<% 2.times do |i| -%>\n<%= i %>\n<% end -%>\nend") == "0\n1\nend");
  CHECK(rendered("<% if true %>\nyes\n<% end %>\n") == "\nyes\n\n");
  CHECK(rendered("% not = 'a line of Ruby'\n<%% kept %>") == "% not = 'a line of Ruby'\n<% kept %>");
  CHECK(rendered("a <%# a comment %>b") == "a b");
}

}  // namespace erb_contract_test
