dist_doc_DATA += docs/exchange.md
dist_doc_DATA += docs/logging.md docs/report.schema.json
dist_doc_DATA += docs/smtp-server.md
dist_doc_DATA += docs/policy.md
dist_man_MANS += docs/amavisd.8 docs/amavisd.conf.5
dist_doc_DATA += docs/content.md
dist_man_MANS += docs/amavisctl.8
dist_doc_DATA += README.md docs/architecture.md docs/postfix.md
