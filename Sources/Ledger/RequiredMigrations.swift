/// The migrations that this program was written for: it serves no other database.
package enum RequiredMigrations {
    /// The files of `migrations/` in order, without their ending.
    package static let names = [
        "0001_roles",
        "0002_accounts",
        "0003_projects",
        "0004_api_keys",
        "0005_events",
        "0006_parked_events",
        "0007_grants",
        "0008_instances",
        "0009_leases",
        "0010_idempotency_keys",
        "0011_prices",
        "0012_notifications",
        "0013_endpoints",
        "0014_credit_events",
        "0015_seals",
        "0016_spend_caps",
        "0017_directory_changes",
        "0018_projections",
        "0019_grant_terms",
        "0020_burn_downs",
        "0021_lease_recalls",
        "0022_lost_leases",
        "0023_incarnations",
        "0024_audit_trail",
        "0025_admin_tokens",
        "0026_plans",
        "0027_keyed_calls",
    ]
}
