dist_doc_DATA += docs/exchange.md
dist_doc_DATA += docs/logging.md docs/report.schema.json
dist_doc_DATA += docs/smtp-server.md
dist_doc_DATA += docs/policy.md
