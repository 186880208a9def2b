"""The table, as Django maps it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Task(models.Model):
    pk = models.CompositePrimaryKey("user_id", "id")
    id = models.BigIntegerField(
        db_default=models.Func(models.Value("tasks_id_seq"), function="nextval")
    )
    user_id = models.TextField()
    title = models.TextField()
    description = models.TextField(null=True)
    completed = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    completed_at = models.DateTimeField(null=True)
    priority = models.TextField(default="medium")
    due_date = models.DateField(null=True)
    tags = ArrayField(models.TextField(), default=list)

    class Meta:
        db_table = "tasks"
        managed = False
