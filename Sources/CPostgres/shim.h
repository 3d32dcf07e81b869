#pragma once
#include <libpq-fe.h>

// Swift does not import character macros, so the fields of an error get names here.
enum {
    farebox_diag_severity = PG_DIAG_SEVERITY_NONLOCALIZED,
    farebox_diag_sqlstate = PG_DIAG_SQLSTATE,
    farebox_diag_message_primary = PG_DIAG_MESSAGE_PRIMARY,
    farebox_diag_table_name = PG_DIAG_TABLE_NAME,
    farebox_diag_column_name = PG_DIAG_COLUMN_NAME,
    farebox_diag_constraint_name = PG_DIAG_CONSTRAINT_NAME,
    farebox_diag_source_function = PG_DIAG_SOURCE_FUNCTION,
};
