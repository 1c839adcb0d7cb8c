-- The table of the tools that know nothing of keys: the file's columns, without any rule.
CREATE TABLE people_bare (
    given_name     text,
    family_name    text,
    date_of_birth  date,
    place_of_birth text
);
