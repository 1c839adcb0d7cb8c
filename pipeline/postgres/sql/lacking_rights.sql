-- Returns the user, and which of the rights that tell the stages' roles apart the user lacks for a stage.
WITH needed (stage, privilege, relation) AS (
    VALUES
        ('producer', 'INSERT', 'loads'),
        ('producer', 'INSERT', 'load_chunks'),
        ('worker', 'UPDATE', 'load_chunks'),
        ('worker', 'INSERT', 'rejected_rows'),
        ('exporter', 'SELECT', 'load_progress'),
        ('exporter', 'SELECT', 'rejected_rows'),
        ('monitor', 'SELECT', 'load_progress'),
        ('monitor', 'SELECT', 'rejected_rows')
)
SELECT
    current_user::text,
    ARRAY(
        SELECT privilege || ' on ' || relation
        FROM needed
        WHERE stage = %(stage)s
        AND NOT CASE privilege
            WHEN 'SELECT' THEN has_table_privilege(relation, privilege)  -- other stages may read single columns
            ELSE has_any_column_privilege(relation, privilege)
        END
    );
