// What the --help of a verb ends with: how it is used, as one would type it.
#include <CLI/CLI.hpp>

#include "scheduler/cli/commands.h"

namespace batuta::cli {
namespace {

struct Example {
  const char *command, *lines;
};
constexpr Example examples[] = {
    {"standalone",
     "batuta standalone\n  batuta standalone --home /srv/batuta --dags dags --port 0"},
    {"scheduler", "batuta scheduler --home /srv/batuta --dags /etc/batuta/dags"},
    {"worker", "batuta worker --home /srv/batuta --slots 8"},
    {"clone", "batuta clone --home /srv/batuta --to copy --table gold/financial/quotes"},
    {"dags list", "batuta dags list\n  batuta dags list -o plain --columns dag_id,tags"},
    {"dags trigger",
     "batuta dags trigger hello --wait\n"
     "  batuta dags trigger hello --conf '{\"name\": \"you\"}' --note 'by hand'\n"
     "  batuta dags trigger hello --idempotency-key \"$BUILD_ID\"\n"
     "  batuta dags trigger hello --only count --with-upstream"},
    {"runs clear", "batuta runs clear hello \"$RUN\" --only-failed --newest"},
    {"hooks send", "BATUTA_HOOK_SECRET=… batuta hooks send hello --conf '{\"name\": \"you\"}'"},
    {"dags test",
     "batuta dags test hello --conf '{\"name\": \"you\"}'\n"
     "  batuta dags test hello --logical-date 2024-05-06T00:00:00Z --variables variables.json"},
    {"dags validate", "batuta dags validate dags\n  batuta dags validate dags/hello.json"},
    {"contracts validate",
     "batuta contracts validate contracts\n"
     "  batuta contracts validate contracts/brokerage/clients.odcs.yaml"},
    {"contracts new",
     "batuta contracts new /srv/drop/orders.csv --domain shop --to "
     "contracts/shop/orders.odcs.yaml\n"
     "  batuta contracts new /srv/broker.db --table CLIENTS --domain brokerage --name clients"},
    {"contracts convert",
     "batuta contracts convert datacontract.yaml --to contracts/shop/orders.odcs.yaml"},
    {"contracts show", "batuta contracts show contracts/brokerage/clients.odcs.yaml -o yaml"},
    {"contracts diff",
     "git show HEAD:contracts/brokerage/clients.odcs.yaml > before.yaml\n"
     "  batuta contracts diff before.yaml contracts/brokerage/clients.odcs.yaml"},
    {"domain plan", "batuta domain plan risk --contract risk.odcs.yaml -o json"},
    {"domain apply", "batuta domain apply risk --contract risk.odcs.yaml --schedule '0 5 * * *'"},
    {"domain cost",
     "batuta domain cost risk --last 7d\n"
     "  batuta domain cost risk -o json | jq .busy_seconds"},
    {"domain destroy", "batuta domain destroy risk --yes"},
    {"domain list", "batuta domain list -o json"},
    {"bundles list", "batuta bundles list -o json"},
    {"bundles diff", "batuta bundles diff risk\n  batuta bundles diff risk --revision v1.4"},
    {"bundles deploy", "batuta bundles deploy risk --revision v1.4"},
    {"bundles rollback", "batuta bundles rollback risk"},
    {"dags next-execution", "batuta dags next-execution hello -n 5"},
    {"dags state", "batuta dags state hello 2024-05-06T00:00:00Z"},
    {"dags list-runs",
     "batuta dags list-runs hello --state failed --start-date 2024-05-01T00:00:00Z"},
    {"dags import-crontab",
     "crontab -l | batuta dags import-crontab - --to dags\n  batuta dags import-crontab "
     "/etc/crontab --dry-run"},
    {"dags import-dagu", "batuta dags import-dagu ~/.config/dagu/dags/*.yaml --to dags"},
    {"dags list-import-errors", "batuta dags list-import-errors || echo 'a DAG file is broken'"},
    {"runs list", "batuta runs list --state running\n  batuta runs list hello --limit 100 -o json"},
    {"runs follow", "batuta runs follow hello \"$RUN\""},
    {"runs wait", "batuta runs wait hello \"$RUN\" && echo done"},
    {"runs clear", "batuta runs clear hello \"$RUN\" --only-failed --dry-run"},
    {"dags explain", "batuta dags explain report"},
    {"assets list", "batuta assets list orders\n  batuta assets list --dag-id hello -o json"},
    {"assets aliases", "batuta assets aliases"},
    {"assets events",
     "batuta assets events s3://lake/orders --limit 5\n  batuta assets events --alias daily"},
    {"assets partitions", "batuta assets partitions daily_report"},
    {"assets tell", "batuta assets tell s3://lake/orders --extra '{\"rows\": 3}'"},
    {"assets materialize", "batuta assets materialize s3://lake/orders"},
    {"backfill create",
     "batuta backfill create hello -s 2024-05-01T00:00:00Z -e 2024-05-07T00:00:00Z --dry-run\n"
     "  batuta backfill create hello -s 2024-05-01T00:00:00Z -e 2024-05-07T00:00:00Z "
     "--reprocess-behavior failed --wait"},
    {"backfill show", "batuta backfill show 3 --ticks -o plain"},
    {"tasks log",
     "batuta tasks log hello \"$RUN\" greet --follow\n  batuta tasks log hello \"$RUN\" greet "
     "--try 1"},
    {"tasks test", "batuta tasks test hello count --xcom '{\"greet\": \"hello you\"}'"},
    {"tasks render", "batuta tasks render hello \"$RUN\" greet"},
    {"tasks clear",
     "batuta tasks clear hello \"$RUN\" greet --downstream --dry-run\n"
     "  batuta tasks clear hello - greet --start-date 2024-05-01T00:00:00Z --end-date "
     "2024-05-07T00:00:00Z"},
    {"tasks mark", "batuta tasks mark hello \"$RUN\" greet success --downstream"},
    {"tasks answer",
     "batuta tasks answer deploy \"$RUN\" ask --option Approve\n"
     "  batuta tasks answer deploy \"$RUN\" how_many --input '{\"n\": 3}'"},
    {"hitl list", "batuta hitl list\n  batuta hitl list deploy --all -o json"},
    {"tasks xcom", "batuta tasks xcom hello \"$RUN\" greet -o json --columns value"},
    {"tasks explain", "batuta tasks explain hello \"$RUN\" greet"},
    {"pools set", "batuta pools set reports 2 'at most two reports at once'"},
    {"pools import", "batuta pools import pools.json"},
    {"variables set",
     "batuta variables set TICKERS '[\"PETR4\"]'\n  batuta variables set api_key - <key.txt"},
    {"variables export", "batuta variables export variables.json"},
    {"connections add",
     "batuta connections add api --conn-type http --conn-host https://api.example.org "
     "--conn-password <password.txt\n  batuta connections add db --conn-type postgres --conn-host "
     "db.example.org --password-from env:DB_PASSWORD"},
    {"connections test", "batuta connections test api"},
    {"connections export", "batuta connections export connections.json"},
    {"users create", "batuta users create ana --role operator"},
    {"tokens create", "batuta tokens create ana --expires 30d --purpose nightly"},
    {"roles create",
     "batuta roles create finance --grant 'read dag:fin_*' --grant 'trigger dag:fin_*'"},
    {"auth can-i", "batuta auth can-i ana trigger dag:fin_daily"},
    {"lake sql", "batuta lake sql 'SELECT count(*) FROM \"gold/financial/financial_data_hour\"'"},
    {"models new", "batuta models new gold/brokerage/position"},
    {"models test", "batuta models test models"},
    {"models dag", "batuta models dag models --to dags/brokerage.json --schedule @daily"},
    {"models lineage", "batuta models lineage gold/brokerage/position.quantity"},
    {"models plan", "batuta models plan models --value ds=2026-11-20"},
    {"models apply", "batuta models apply models --plan 3f0c2a9be1d47a55"},
    {"models run", "batuta models run gold/brokerage/position --value ds=2026-11-20"},
    {"lake head", "batuta lake head gold/financial/financial_data_hour --limit 5"},
    {"monitors validate",
     "batuta monitors validate monitors\n  batuta monitors validate monitors/bank.json"},
    {"monitors run", "batuta monitors run\n  batuta monitors run --monitors monitors --dry-run"},
    {"monitors ack", "batuta monitors ack 12 --note 'the source is late, Ana asks them'"},
    {"lake branch create",
     "batuta lake branch create fix --note 'the new rule for returns'\n"
     "  batuta dags trigger shop --branch fix --wait"},
    {"lake branch diff",
     "batuta lake branch diff fix silver.shop.orders\n"
     "  batuta lake branch diff fix gold/shop/sales --key day,store --limit 100"},
    {"lake branch promote",
     "batuta lake branch promote fix --dry-run\n"
     "  batuta lake branch promote fix --drop --note 'compared and found right'"},
    {"lake erase",
     "batuta lake erase --key cpf --mask-key file:/run/secrets/pii\n"
     "  batuta lake erase --key cpf --mask-key file:/run/secrets/pii --apply --operation "
     "request-117"},
    {"lake optimize", "batuta lake optimize silver/financial/quotes --target 256MiB --dry-run"},
    {"lake vacuum", "batuta lake vacuum silver/financial/quotes --dry-run"},
    {"lake expire",
     "batuta lake expire silver/shop/orders --contract contracts/shop/orders.odcs.yaml --dry-run"},
    {"lake restore", "batuta lake restore silver/financial/quotes --at 2026-11-20T10:00:00Z"},
    {"db backup", "batuta db backup"},
    {"secrets rotate-key",
     "systemctl stop batuta-scheduler && batuta secrets rotate-key --home /var/lib/batuta"},
    {"db clean", "batuta db clean --clean-before-timestamp 2024-01-01T00:00:00Z --dry-run"},
    {"completion",
     "source <(batuta completion bash)\n"
     "  batuta completion zsh >\"${fpath[1]}/_batuta\"\n"
     "  batuta completion fish >~/.config/fish/completions/batuta.fish"},
    {"plugins new", "batuta plugins new weather_bronze"},
    {"plugins build",
     "batuta plugins build weather_bronze\n  batuta plugins build weather_bronze --plugins "
     "/srv/batuta/plugins"},
    {"config get-value", "batuta config get-value lake memory"},
    {"config check", "batuta config check\n  batuta config check /etc/batuta/batuta.json.new"},
    {"config reload", "batuta config check && batuta config reload"},
    {"events list", "batuta events list --event trigger --owner ana --after 2024-05-01T00:00:00Z"},
};

CLI::App* command_of(CLI::App& app, std::string_view path) {
  CLI::App* at = &app;
  while (!path.empty()) {
    const auto blank = std::min(path.find(' '), path.size());
    at = at->get_subcommand(std::string(path.substr(0, blank)));
    path.remove_prefix(std::min(blank + 1, path.size()));
  }
  return at;
}

// Only the first page tells of first steps; those below inherited it.
void forget_footers(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    command->footer("");
    forget_footers(*command);
  }
}

}  // namespace

void add_examples(CLI::App& app) {
  forget_footers(app);
  for (const Example& example : examples) {
    command_of(app, example.command)->footer(std::string("Examples:\n  ") + example.lines);
  }
}

}  // namespace batuta::cli
