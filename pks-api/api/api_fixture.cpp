#include "pks-api/api/api_fixture.hpp"

#include "base/tls.hpp"
#include "pks-api/api/routes.hpp"

namespace slipway::pks {

namespace {

// Made once: keys take long.
const tls::RsaKey& token_key() {
  static const auto key = tls::create_rsa_key();
  return key;
}

sql::Database& migrated(sql::Database& database) {
  database.migrate(migrations());
  return database;
}

http::ClientConfig nowhere() {
  http::ClientConfig config;
  config.base_url = "https://127.0.0.1:1";
  config.timeout = std::chrono::seconds(1);
  return config;
}

class TextBody : public http::BodyReader {
 public:
  explicit TextBody(std::string text) : text_(std::move(text)) {}
  std::size_t read(std::span<char> out) override {
    const auto size = std::min(out.size(), text_.size() - at_);
    std::copy_n(text_.begin() + static_cast<std::ptrdiff_t>(at_), size, out.begin());
    at_ += size;
    return size;
  }
  std::optional<std::uint64_t> length() const override { return text_.size(); }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

}  // namespace

ApiFixture::Parts::Parts()
    : database("sqlite://" + (folder.path() / "pks.db").string()),
      clusters_store(migrated(database)),
      identity_store(database),
      quota_store(database),
      profile_store(database),
      fleet_store(database),
      plans(load_plans("cli/scenario/plans")),
      oidc{"https://api.lab:8443/oauth/token", "CA"},
      tokens("issuer", token_key().private_key_pem, token_key().public_key_pem),
      identity(identity_store, tokens, clock, random, oidc),
      director(nowhere(), "admin", Secret("password")),
      board(clock),
      quotas({quota_store, clusters_store, plans}),
      profiles({profile_store, clusters_store, orders, clock, random}),
      intents{plans, oidc, profiles},
      operations({clusters_store, director, intents, board, clock, Log::discard()}, 0),
      clusters({clusters_store, operations, director, intents, quotas, orders, clock, random}),
      fleets({fleet_store, clusters_store, clusters, real_clock, random, Log::discard()}),
      audit(folder.path() / "audit.log", database, clock),
      services{.clusters = clusters,
               .store = clusters_store,
               .operations = operations,
               .director = director,
               .fleets = fleets,
               .quotas = quotas,
               .profiles = profiles,
               .board = board,
               .identity = identity,
               .audit = audit,
               .counts = counts,
               .tokens = tokens,
               .plans = plans,
               .oidc = oidc,
               .clock = clock,
               .log = Log::discard()},
      handler(api_handler(services)) {}

ApiFixture::ApiFixture() : parts_(std::make_unique<Parts>()) {}
ApiFixture::~ApiFixture() = default;

void ApiFixture::add_user(const std::string& name, const std::vector<std::string>& scopes) {
  auto& p = *parts_;
  p.identity_store.put_user("user", {name, "no password", scopes});
  const auto epoch = p.identity_store.find_user("user", name)->epoch;
  p.tokens_by_user[name] =
      p.tokens.sign({"user", name, "pks_cli", scopes, epoch, "id"}, p.clock.now(), std::chrono::hours(1));
}

http::Response ApiFixture::send(const std::string& user, const std::string& method, const std::string& target,
                                const Json& body) {
  http::Request request;
  request.method = method;
  request.target = target;
  request.path = http::url_decode(target.substr(0, target.find('?')));
  if (const auto question = target.find('?'); question != std::string::npos)
    request.query = http::parse_query(target.substr(question + 1));
  request.remote_address = "10.0.0.9";
  if (!user.empty()) request.headers["Authorization"] = "Bearer " + parts_->tokens_by_user.at(user);
  request.body = std::make_shared<TextBody>(body.is_null() ? "" : dump(body));
  return parts_->handler(request);
}

Json ApiFixture::json(const http::Response& response) {
  return parse_json(std::get<std::string>(response.body), "response");
}

void ApiFixture::add_cluster(const std::string& owner, const std::string& name, const std::string& plan,
                             int nodes, const Json& parameters) {
  auto& p = *parts_;
  ClusterRecord cluster;
  cluster.uuid = p.random.uuid();
  cluster.name = name;
  cluster.owner = owner;
  cluster.plan = plan;
  cluster.plan_document = p.plans.find(plan)->document;
  cluster.hostname = name + ".lab";
  cluster.nodes = nodes;
  cluster.parameters = parameters;
  cluster.last_action = "CREATE";
  cluster.state = succeeded;
  cluster.operation = p.random.uuid();
  cluster.versions = {{"releases", {{"syslog", "1.0.0"}}}, {"stemcells", Json::object()}};
  cluster.started_at = p.clock.now();
  p.clusters_store.insert(cluster);
}

std::set<std::string> ApiFixture::routes() const {
  http::Router router;
  Routes routes(router, parts_->services);
  add_all_routes(routes, parts_->services);
  return routes.all();
}

}  // namespace slipway::pks
